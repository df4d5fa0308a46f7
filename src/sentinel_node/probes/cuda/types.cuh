// The widths that kernels and their NumPy twins agree on.
#pragma once

typedef unsigned int u32;
typedef unsigned long long u64;

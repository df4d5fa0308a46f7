"""What the kernel tells: its log, this boot's and earlier ones, and the machine as it stands in sysfs and procfs."""

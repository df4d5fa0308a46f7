#!/usr/bin/env bash
# Builds the servers and clients of the cluster tests into .cache/cluster/bin, from the modules that go.mod here pins.
# What go.mod, go.sum, this file and the Go version say decides whether that was done before. Called by `make cluster-tools`.
set -euo pipefail
cd "$(dirname "$0")"
into="$(cd ../../.. && pwd)/.cache/cluster/bin"
needs_go=1.26
export CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS="-mod=readonly -buildvcs=false -trimpath"  # go fetches no other go

fail() { printf 'cluster-tools: %s\n' "$*" >&2; exit 1; }
command -v go >/dev/null || fail "there is no Go toolchain; install Go $needs_go or newer (nothing else here needs it)"
have="$(go env GOVERSION)"
[ "$(printf '%s\n' "go$needs_go" "${have%% *}" | sort -V | head -n 1)" = "go$needs_go" ] ||
  fail "Go $needs_go or newer is needed, this is $have (nothing else here needs it)"

stamp="$(cat go.mod go.sum build.sh <(printf '%s' "$have") | sha256sum | cut -d ' ' -f 1)"
if [ "$(cat "$into/.stamp" 2>/dev/null)" = "$stamp" ]; then
  printf 'cluster-tools: ready in %s\n' "$into"
  exit 0
fi

# The versions stand in go.mod only.
version() { go list -m -f '{{.Version}}' "$1"; }
kubernetes="$(version k8s.io/kubernetes)"
minor="${kubernetes#v1.}"
kube="-X k8s.io/component-base/version.gitVersion=$kubernetes"
kube+=" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${minor%%.*}"
helm="-X helm.sh/helm/v4/internal/version.version=$(version helm.sh/helm/v4)"
common="github.com/prometheus/common/version.Version"

mkdir -p "$into"
rm -f "$into/.stamp"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

number=0
build() {  # PROGRAM PACKAGE [LINKER FLAGS [MORE GO FLAGS...]]
  local program="$1" package="$2" linker="${3:-}" begun=$SECONDS
  number=$((number + 1))
  printf 'cluster-tools: %2d of 10  %-24s' "$number" "$program"
  go build -ldflags "-s -w $linker" "${@:4}" -o "$work/$program" "$package" 2> "$work/log" ||
    { printf 'failed\n'; cat "$work/log" >&2; exit 1; }
  mv "$work/$program" "$into/$program"
  printf '%4d s  %4d MB\n' $((SECONDS - begun)) $(($(stat -c %s "$into/$program") / 1000000))
}

build etcd                    go.etcd.io/etcd/server/v3
build kube-apiserver          k8s.io/kubernetes/cmd/kube-apiserver "$kube"
build kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager "$kube"
build kube-scheduler          k8s.io/kubernetes/cmd/kube-scheduler "$kube"
build kubectl                 k8s.io/kubernetes/cmd/kubectl "$kube"
build kwok                    sigs.k8s.io/kwok/cmd/kwok
build helm                    helm.sh/helm/v4/cmd/helm "$helm"
# Of Prometheus' service discoveries only Kubernetes': those of the clouds are half of what would be compiled.
found="-tags=remove_all_sd,enable_kubernetes_sd"
build promtool                github.com/prometheus/prometheus/cmd/promtool "-X $common=$(version github.com/prometheus/prometheus)" "$found"
build prometheus              github.com/prometheus/prometheus/cmd/prometheus "-X $common=$(version github.com/prometheus/prometheus)" "$found"

# The Alertmanager's web page is made by npm and not in its module, and the program does not compile without one: it is
# built from a copy with an empty page, against the same dependencies.
alertmanager=github.com/prometheus/alertmanager
cp -r "$(go mod download -json "$alertmanager" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')" "$work/copy"
chmod -R u+w "$work/copy"
mkdir "$work/copy/ui/app/dist"
echo 'no web page in this build' > "$work/copy/ui/app/dist/index.html"
cp go.mod go.sum "$work"
go mod edit -replace "$alertmanager=$work/copy" "$work/go.mod"
build alertmanager            $alertmanager/cmd/alertmanager "-X $common=$(version $alertmanager)" "-modfile=$work/go.mod"

printf '%s\n' "$stamp" > "$into/.stamp"
printf 'cluster-tools: ready in %s after %d s\n' "$into" "$SECONDS"

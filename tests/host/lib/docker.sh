# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The data of Docker and of the local registry, with the test images in it: made once by a host of
# its own, then copied to each. The files of image layers never change, so hosts share them by hard
# links; all else is copied.

# This one is in the registry only, for pulls to be tested.
PULLED_IMAGE=127.0.0.1:5000/ark-test/app:1

docker_template_path() {
    local key
    key=$({ root_recipe "$1"; "$REPO/tests/images/build" --key; hash_of "$HERE/lib/docker.sh"; } |
        sha256sum | cut -c 1-16)
    echo "$CACHE/docker-$1-$key"
}

docker_template_build() {
    local suite=$1 path name=template-$1
    path=$(docker_template_path "$suite")
    [ ! -d "$path" ] || return 0
    say "building the test images (once; about half a minute)"
    local archives
    archives=$("$REPO/tests/images/build") || die "cannot build the test images"
    root_build "$suite"
    host_prepare "$name" "$suite"
    mkdir -p "$HOSTS/$name"/{docker,registry}
    host_boot "$name"
    docker_load_all "$name" "$archives" || host_fail "$name" "cannot load the test images"
    rm -rf --one-file-system "$CACHE/docker-$suite-"*
    mkdir "$path.new"
    mv "$HOSTS/$name"/{docker,registry} "$path.new/"
    mv "$path.new" "$path"
    host_destroy "$name"
}

docker_load_all() {
    local name=$1 archive
    for archive in $2; do
        host_run "$name" docker load --quiet <"$archive" >/dev/null || return 1
    done
    host_run "$name" chown docker-registry: /var/lib/docker-registry &&
        host_run "$name" docker push --quiet "$PULLED_IMAGE" >/dev/null &&
        host_run "$name" docker rmi "$PULLED_IMAGE" >/dev/null || return 1
    # Nothing may write any more when the data is moved away.
    host_run "$name" systemctl stop docker.socket docker.service containerd.service docker-registry.service
}

# Gives the host's folder $1 its own copy of the template of suite $2.
docker_template_copy() {
    local path entry
    path=$(docker_template_path "$2")
    mkdir -p "$1/docker"
    chmod --reference="$path/docker" "$1/docker"
    for entry in "$path"/docker/*; do
        case $(basename "$entry") in
        overlay2) cp -al "$entry" "$1/docker/" ;;
        *) cp -a "$entry" "$1/docker/" ;;
        esac
    done
    cp -a "$path/registry" "$1/"
}

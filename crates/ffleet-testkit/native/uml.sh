# The first process of a kernel that was booted as a program (`uml.rs`): lays out a machine with
# the one tree of cgroups, does what comes below, says how that ended.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
echo '+cpu +io +memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
ip link set lo up
# The host's files can be read alone. What is built may lie below /tmp, and is shown there again.
mkdir /dev/host /dev/shm
mount --bind / /dev/host
mount -t tmpfs tmpfs /tmp
for dir in $shown; do
    case $dir in
        /tmp/*) mkdir -p "$dir" && mount --bind "/dev/host$dir" "$dir" ;;
    esac
done
work() {

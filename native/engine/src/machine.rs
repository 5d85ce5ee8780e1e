//! What the machine has, as far as this process may use it.

use std::path::{Path, PathBuf};

/// Memory in bytes: the machine's, or the least limit of this process's control groups when that is less.
///
/// Sources: `MemTotal` of /proc/meminfo (proc(5)); `memory.max` of control groups v2 and `memory.limit_in_bytes` of v1,
/// for each group from the process's own up to the root (cgroups(7)).
pub(crate) fn memory() -> Option<u64> {
    memory_under(Path::new("/"))
}

/// Cores that this process may keep busy: by affinity, or by the CPU quota of its control groups when that is less.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Cores that this process may run on, whatever its quota. Source: `Cpus_allowed_list` of /proc/self/status (proc(5)).
pub(crate) fn cores_by_affinity() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    count_of_list(text.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?)
}

/// How many numbers a list such as `0-3,8` has.
fn count_of_list(list: &str) -> Option<usize> {
    list.trim().split(',').try_fold(0, |count, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        Some(count + last.checked_sub(first)? + 1)
    })
}

/// Resident memory of this process in bytes, to some hundred KiB. Source: `VmRSS` of /proc/self/status (proc(5)): the exact
/// figure of smaps_rollup makes the kernel walk all pages, milliseconds for each snapshot of the metrics.
pub(crate) fn resident_memory() -> Option<u64> {
    kib_of(&std::fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

fn memory_under(root: &Path) -> Option<u64> {
    let total = kib_of(&std::fs::read_to_string(root.join("proc/meminfo")).ok()?, "MemTotal:")?;
    let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mounted = root.join("sys/fs/cgroup");
    let limits = groups.lines().filter_map(|line| limit_of_group(&mounted, line));
    // Where the group is not known, the root's own file is that of the container.
    let own = limit_in(&mounted.join("memory.max"));
    Some(limits.chain(own).fold(total, u64::min))
}

/// The least limit from the group of a line of /proc/self/cgroup (`hierarchy:controllers:path`) up to its root.
fn limit_of_group(mounted: &Path, line: &str) -> Option<u64> {
    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
    let (base, file) = if controllers.is_empty() {
        (mounted.to_path_buf(), "memory.max")
    } else if controllers.split(',').any(|name| name == "memory") {
        (mounted.join("memory"), "memory.limit_in_bytes")
    } else {
        return None;
    };
    let mut folder: PathBuf = base.join(path.trim_start_matches('/'));
    let mut least = None;
    while folder.starts_with(&base) {
        least = least.into_iter().chain(limit_in(&folder.join(file))).min();
        if !folder.pop() {
            break;
        }
    }
    least
}

/// The number in a file; none for `max`, which is no limit.
fn limit_in(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The value of a line `name: number kB`, in bytes.
fn kib_of(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = value.trim().trim_end_matches("kB").trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine of 1000 KiB with these files.
    fn machine(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        let meminfo = ("proc/meminfo", "MemFree: 1 kB\nMemTotal:       1000 kB\n");
        for (path, text) in files.iter().copied().chain([meminfo]) {
            let file = root.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        memory_under(root.path())
    }

    #[test]
    fn without_groups_it_is_the_memory_of_the_machine() {
        assert_eq!(machine(&[]), Some(1_024_000));
    }

    #[test]
    fn the_limit_of_any_group_above_counts() {
        let own = ("proc/self/cgroup", "0::/a/b\n");
        let limit = |path, text| machine(&[own, (path, text)]);
        assert_eq!(limit("sys/fs/cgroup/a/b/memory.max", "5000\n"), Some(5000));
        assert_eq!(limit("sys/fs/cgroup/a/memory.max", "6000\n"), Some(6000));
        assert_eq!(limit("sys/fs/cgroup/memory.max", "7000\n"), Some(7000));
        assert_eq!(limit("sys/fs/cgroup/a/b/memory.max", "max\n"), Some(1_024_000));
        assert_eq!(limit("sys/fs/cgroup/other/memory.max", "5\n"), Some(1_024_000));
        assert_eq!(limit("sys/fs/cgroup/a/memory.max", "99000000\n"), Some(1_024_000));
    }

    #[test]
    fn the_first_version_of_control_groups_counts_as_well() {
        let files = [
            ("proc/self/cgroup", "4:cpu,cpuacct:/x\n3:memory:/docker/1\n"),
            ("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "8000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ];
        assert_eq!(machine(&files), Some(8000));
    }

    #[test]
    fn a_machine_that_does_not_tell_is_unknown() {
        assert_eq!(memory_under(Path::new("/none/such")), None);
    }

    #[test]
    fn lists_of_cores_are_counted() {
        assert_eq!(count_of_list("\t0-3,8,10-11\n"), Some(7));
        assert_eq!(count_of_list("5"), Some(1));
        assert_eq!(count_of_list("3-1"), None);
        assert_eq!(count_of_list(""), None);
    }

    #[test]
    fn a_process_has_cores_and_memory() {
        assert!(cores() >= 1);
        assert!(cores() <= cores_by_affinity().unwrap_or(usize::MAX));
        if cfg!(target_os = "linux") {
            assert!(resident_memory().is_some_and(|bytes| bytes > 100_000));
        }
    }
}

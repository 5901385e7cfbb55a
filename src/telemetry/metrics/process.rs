//! The process in numbers, under the names that every Prometheus client gives them. Where there is no `/proc`, what it tells is left out.

use std::{fs, sync::atomic::AtomicU64};

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

use super::{Optional, seconds};
use crate::clock::Timestamp;

/// What is told of the process.
#[derive(Debug, Default)]
pub(super) struct Process {
    cpu: Counter<f64, AtomicU64>,
    started: Gauge<f64, AtomicU64>,
    resident: Optional,
    virtually: Optional,
    open: Optional,
    most_open: Optional,
}

impl Process {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("process_cpu_seconds", "CPU time of the process", self.cpu.clone());
        registry.register(
            "process_start_time_seconds",
            "When the process began, in seconds since the epoch",
            self.started.clone(),
        );
        registry.register("process_resident_memory_bytes", "Memory in use", self.resident.clone());
        registry.register("process_virtual_memory_bytes", "Address space in use", self.virtually.clone());
        registry.register("process_open_fds", "Open file descriptors", self.open.clone());
        registry.register("process_max_fds", "The most file descriptors", self.most_open.clone());
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody has that many files")]
    pub(super) fn read(&self, started: Timestamp) {
        let spent = clock_gettime(ClockId::ProcessCPUTime);
        let spent = Timestamp::from_seconds(spent.tv_sec).nanos().saturating_add(spent.tv_nsec);
        self.cpu.inc_by((seconds(spent) - self.cpu.get()).max(0.0));
        self.started.set(seconds(started.nanos()));
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        for (gauge, field) in [(&self.resident, "VmRSS:"), (&self.virtually, "VmSize:")] {
            gauge.set(bytes(&status, field));
        }
        // One of them is the directory itself.
        let open = fs::read_dir("/proc/self/fd").ok().map(|open| open.count().saturating_sub(1));
        self.open.set(open.map(|count| count as f64));
        self.most_open.set(getrlimit(Resource::Nofile).current.map(|most| most as f64));
    }
}

/// The number of a line such as `VmRSS:     1234 kB`.
fn bytes(status: &str, field: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let number: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(number) * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_bytes() {
        let status = "Name:\thopguard\nVmSize:\t   20 kB\nVmRSS:\t    3 kB\n";
        assert_eq!((bytes(status, "VmSize:"), bytes(status, "VmRSS:")), (Some(20_480.0), Some(3072.0)));
        assert_eq!((bytes("VmRSS:\tx kB\n", "VmRSS:"), bytes("", "VmRSS:")), (None, None));
    }

    #[test]
    fn this_process_has_memory_files_and_a_past() {
        let (process, mut registry) = (Process::default(), Registry::default());
        process.register(&mut registry);
        process.read(Timestamp::from_seconds(1_700_000_000));
        assert!(process.resident.get() > Some(1024.0 * 1024.0));
        assert!(process.open.get() >= Some(3.0) && process.open.get() <= process.most_open.get());
        assert!(process.cpu.get() > 0.0);
        assert!((process.started.get() - 1.7e9).abs() < f64::EPSILON);
    }
}

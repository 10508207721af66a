//! A process's own memory.

use std::{fs, io};

/// The bytes that a process has in memory for itself alone and that no file has: heap and stacks,
/// but neither its program nor what the kernel keeps for its sockets.
pub fn own(process: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    anonymous(&text).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn anonymous(smaps: &str) -> Option<u64> {
    let line = smaps.lines().find_map(|line| line.strip_prefix("Anonymous:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::{anonymous, own};

    #[test]
    fn anonymous_memory_is_read() {
        let smaps = "Rss:  900 kB\nAnonymous:           252 kB\nKSM: 0 kB\n";
        assert_eq!(anonymous(smaps), Some(252 * 1024));
        assert_eq!(anonymous("Rss: 900 kB\n"), None);
    }

    #[test]
    fn what_is_touched_is_counted() {
        let before = own(process::id()).expect("our own process");
        let block = vec![1_u8; 64 << 20];
        let grown = own(process::id()).expect("our own process") - before;
        assert!(grown > 50 << 20, "{grown} bytes for {}", block.len());
    }
}

//! Gives freed memory back to the system.
//!
//! The crate is apart from the others because of its one unsafe call: everywhere else in the
//! workspace the compiler forbids `unsafe`.

/// Gives memory that the process has freed, and that the allocator keeps for later, back to the
/// system. Returns whether there was any. Does nothing where the allocator is not glibc's.
///
/// glibc itself gives back only what is free at the end of its heap, and one small block that lives
/// on keeps all below it.
///
/// This looks at the whole heap, and threads that allocate meanwhile wait: some milliseconds for a
/// hundred megabytes. Call it on a thread that may block, after much was freed.
pub fn give_back() -> bool {
    trim()
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() -> bool {
    // SAFETY: `malloc_trim` may be called at any time and from any thread (malloc_trim(3) says
    // MT-Safe): it takes the allocator's own locks. It only tells the system to drop the contents
    // of whole pages inside free blocks, so no block in use changes. The argument, how much to
    // leave at the end of the heap, may be any. If another allocator was preloaded in place of
    // glibc's, glibc's looks at its own heap, which is then empty.
    #[expect(unsafe_code, reason = "there is no safe way to ask glibc")]
    let gave_back = unsafe { libc::malloc_trim(0) };
    gave_back == 1
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() -> bool {
    false
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use std::fs;

    /// The bytes of this process's memory that no file has.
    fn own() -> usize {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
    }

    #[test]
    fn memory_below_a_block_that_lives_is_given_back() {
        let blocks: Vec<Vec<u8>> = (0..4096).map(|_| vec![1; 4096]).collect();
        let lives = vec![1_u8; 4096];
        let most = own();
        drop(blocks);
        assert!(own() + (8 << 20) > most, "the allocator keeps it");
        assert!(super::give_back());
        assert!(own() + (12 << 20) < most, "{} bytes of {most} are left", own());
        assert_eq!(lives, [1; 4096]);
    }
}

//! A server's disk, which may lose power: it then holds what was synced, and any part of the rest.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use vestibule_tests::random::Random;

use crate::file::{Change, Fate, File};
use crate::journal::Record;

/// What a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Folder,
    /// An index into the files.
    File(usize),
}

type Names = BTreeMap<PathBuf, Entry>;

/// A change of names, durable once its folder is synced.
#[derive(Debug)]
enum Renaming {
    Set(PathBuf, Entry),
    Remove(PathBuf),
    Move(PathBuf, PathBuf, Entry),
}

impl Renaming {
    fn folder(&self) -> Option<&Path> {
        let (Self::Set(path, _) | Self::Remove(path) | Self::Move(_, path, _)) = self;
        path.parent()
    }

    fn apply(&self, names: &mut Names) {
        match self {
            Self::Set(path, entry) => drop(names.insert(path.clone(), *entry)),
            Self::Remove(path) => drop(names.remove(path)),
            Self::Move(from, to, entry) => {
                names.remove(from);
                names.insert(to.clone(), *entry);
            }
        }
    }
}

/// The disk.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// The names as programs see them, and as they are certain to be on the disk.
    names: Names,
    durable: Names,
    pending: Vec<(u64, Renaming)>,
    /// The path of each folder, and the index of each file, that was opened, by its inode.
    folders: HashMap<u64, PathBuf>,
    inodes: HashMap<u64, usize>,
    /// The syncs under way, by thread and inode, with the number of the first change after.
    syncs: HashMap<(u64, u64), u64>,
    /// How many records came before.
    count: u64,
}

impl Disk {
    /// Takes note of what a server did.
    pub(crate) fn apply(&mut self, record: &Record<'_>) {
        self.count += 1;
        match record.kind {
            b'o' => self.open(record),
            b'c' => {
                let is_known = self.inodes.get(&record.file).copied().map(Entry::File);
                // Two threads may each believe to have created it.
                if is_known.is_none() || is_known != self.names.get(record.path()).copied() {
                    self.create(record);
                }
            }
            b'd' => self.rename(Renaming::Set(record.path().to_owned(), Entry::Folder)),
            b'u' => self.rename(Renaming::Remove(record.path().to_owned())),
            b'r' | b'l' => {
                let (from, to) = record.paths();
                let entry = self.names[from];
                let (from, to) = (from.to_owned(), to.to_owned());
                let is_move = record.kind == b'r';
                self.rename(if is_move { Renaming::Move(from, to, entry) } else { Renaming::Set(to, entry) });
            }
            b'w' => self.change(record, Change::Write { at: record.at, bytes: record.bytes.to_vec() }),
            b't' => self.change(record, Change::Resize(record.at)),
            b'b' => drop(self.syncs.insert((record.thread, record.file), self.count)),
            b'e' => self.sync(record),
            other => panic!("a record of kind {other}"),
        }
    }

    fn open(&mut self, record: &Record<'_>) {
        match self.names.get(record.path()) {
            Some(Entry::File(index)) => drop(self.inodes.insert(record.file, *index)),
            // The folder in which the server runs was there before it.
            Some(Entry::Folder) | None => {
                self.folders.insert(record.file, record.path().to_owned());
            }
        }
    }

    fn create(&mut self, record: &Record<'_>) {
        self.inodes.insert(record.file, self.files.len());
        self.rename(Renaming::Set(record.path().to_owned(), Entry::File(self.files.len())));
        self.files.push(File::default());
    }

    fn rename(&mut self, renaming: Renaming) {
        renaming.apply(&mut self.names);
        self.pending.push((self.count, renaming));
    }

    /// A server's log and output are no files that it has opened: they are not looked at.
    fn change(&mut self, record: &Record<'_>, change: Change) {
        if let Some(index) = self.inodes.get(&record.file) {
            self.files[*index].change(self.count, change);
        }
    }

    fn sync(&mut self, record: &Record<'_>) {
        let before = self.syncs.remove(&(record.thread, record.file)).expect("a sync that began");
        if let Some(index) = self.inodes.get(&record.file) {
            self.files[*index].sync(before);
            return;
        }
        let folder = &self.folders[&record.file];
        let pending = std::mem::take(&mut self.pending);
        for (number, renaming) in pending {
            if number < before && renaming.folder() == Some(folder) {
                renaming.apply(&mut self.durable);
            } else {
                self.pending.push((number, renaming));
            }
        }
    }

    /// How many changes the power takes with it, at most.
    pub(crate) fn at_risk(&self) -> usize {
        self.pending.len() + self.files.iter().map(File::at_risk).sum::<usize>()
    }

    /// Whether a part of this file may be lost.
    pub(crate) fn is_at_risk(&self, path: &Path) -> bool {
        matches!(self.names.get(path), Some(Entry::File(index)) if self.files[*index].at_risk() > 0)
    }

    /// Puts the files in place as the disk may have them after the power failed, and returns that
    /// disk.
    pub(crate) fn lose_power(&self, data: &Path, random: &mut Random) -> Self {
        let mut names = self.durable.clone();
        let fate = Fate::draw(random);
        for (_, renaming) in &self.pending {
            if fate.keeps(random) {
                renaming.apply(&mut names);
            }
        }
        match fs::remove_dir_all(data) {
            Err(error) if data.exists() => panic!("{}: {error}", data.display()),
            _ => {}
        }
        let mut after = Self::default();
        for (path, entry) in names {
            let is_reachable = path
                .parent()
                .is_some_and(|parent| after.durable.contains_key(parent) || Some(parent) == data.parent());
            if is_reachable {
                after.add(path, entry.content(&self.files, random));
            }
        }
        after.names = after.durable.clone();
        after
    }

    /// Puts a file or a folder in place, durably.
    fn add(&mut self, path: PathBuf, content: Option<Vec<u8>>) {
        let Some(mut content) = content else {
            DirBuilder::new().mode(0o700).create(&path).expect("a folder");
            self.durable.insert(path, Entry::Folder);
            return;
        };
        if path.to_string_lossy().ends_with("-shm") {
            // SQLite writes it through memory, and takes nothing from it after a restart.
            content = vec![0xa5; 32 * 1024];
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).expect("a file");
        file.write_all(&content).expect("a disk with room");
        self.durable.insert(path, Entry::File(self.files.len()));
        self.files.push(File::durable(content));
    }
}

impl Entry {
    /// A file's content after the power failed; nothing for a folder.
    fn content(self, files: &[File], random: &mut Random) -> Option<Vec<u8>> {
        let Self::File(index) = self else { return None };
        let sector = if random.one_in(2) { 512 } else { 4096 };
        Some(files[index].after_power_loss(Fate::draw(random), sector, random))
    }
}

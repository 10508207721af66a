//! One file on a disk that may lose power: what is certain to be there, and what may be.

use std::collections::BTreeMap;
use std::ops::Range;

use vestibule_tests::random::Random;

/// What becomes of changes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Lost,
    Kept,
    /// Some are lost, in no order, and some are torn.
    Mixed,
}

impl Fate {
    pub(crate) fn draw(random: &mut Random) -> Self {
        match random.below(5) {
            0 => Self::Lost,
            1 => Self::Kept,
            _ => Self::Mixed,
        }
    }

    /// Whether one change is kept.
    pub(crate) fn keeps(self, random: &mut Random) -> bool {
        match self {
            Self::Lost => false,
            Self::Kept => true,
            Self::Mixed => random.one_in(2),
        }
    }
}

/// A change of a file's content.
#[derive(Debug)]
pub(crate) enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
}

impl Change {
    /// Makes the change, and returns which bytes it concerns.
    fn apply(&self, content: &mut Vec<u8>) -> Range<usize> {
        match self {
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*at..end].copy_from_slice(bytes);
                *at..end
            }
            Self::Resize(size) => {
                let before = content.len();
                content.resize(*size, 0);
                before.min(*size)..before.max(*size)
            }
        }
    }
}

/// A file.
#[derive(Debug, Default)]
pub(crate) struct File {
    synced: Vec<u8>,
    /// The changes since, each with a number by which a sync tells those that it covers.
    pending: Vec<(u64, Change)>,
}

impl File {
    /// A file that is on the disk as it is.
    pub(crate) fn durable(content: Vec<u8>) -> Self {
        Self { synced: content, pending: Vec::new() }
    }

    pub(crate) fn change(&mut self, number: u64, change: Change) {
        self.pending.push((number, change));
    }

    /// Makes the changes before this number durable.
    pub(crate) fn sync(&mut self, before: u64) {
        let covered = self.pending.partition_point(|(number, _)| *number < before);
        for (_, change) in self.pending.drain(..covered) {
            change.apply(&mut self.synced);
        }
    }

    /// What the disk holds after the power failed, in sectors of this size. Of each sector the disk
    /// has what was synced, or any later state of it. Where the file grew and nothing was written,
    /// there is anything.
    pub(crate) fn after_power_loss(&self, fate: Fate, sector: usize, random: &mut Random) -> Vec<u8> {
        let (mut cached, mut sizes) = (self.synced.clone(), vec![self.synced.len()]);
        let mut states: BTreeMap<usize, Vec<Vec<u8>>> = BTreeMap::new();
        for (_, change) in &self.pending {
            let touched = change.apply(&mut cached);
            sizes.push(cached.len());
            for index in touched.start / sector..touched.end.div_ceil(sector) {
                states.entry(index).or_default().push(sector_of(&cached, index, sector));
            }
        }
        let size = match fate {
            Fate::Lost => sizes[0],
            Fate::Kept => cached.len(),
            Fate::Mixed => sizes[random.below(sizes.len())],
        };
        let mut content = self.synced.clone();
        content.resize(size.next_multiple_of(sector), 0);
        for (index, states) in states {
            let Some(place) = content.get_mut(index * sector..(index + 1) * sector) else { continue };
            let last = states.len() - 1;
            match fate {
                Fate::Kept => place.copy_from_slice(&states[last]),
                Fate::Mixed if random.one_in(2) => {
                    let torn = if random.one_in(8) { random.below(sector) } else { sector };
                    place[..torn].copy_from_slice(&states[random.below(last + 1)][..torn]);
                }
                Fate::Mixed if index * sector >= self.synced.len() && random.one_in(2) => {
                    place.fill_with(|| random.below(256).try_into().expect("a byte"));
                }
                Fate::Lost | Fate::Mixed => {}
            }
        }
        content.truncate(size);
        content
    }

    /// How many changes no sync has covered.
    pub(crate) fn at_risk(&self) -> usize {
        self.pending.len()
    }
}

/// A sector of a file, with zeros after its end.
fn sector_of(content: &[u8], index: usize, sector: usize) -> Vec<u8> {
    let rest = content.get(index * sector..).unwrap_or_default();
    let mut bytes = rest[..rest.len().min(sector)].to_vec();
    bytes.resize(sector, 0);
    bytes
}

#[test]
fn what_was_synced_stays_and_the_rest_may_be_lost() {
    let mut random = Random::new(1);
    let mut file = File::durable(vec![1; 1024]);
    file.change(0, Change::Write { at: 0, bytes: vec![2; 512] });
    file.change(1, Change::Write { at: 512, bytes: vec![3; 1024] });
    file.sync(1);
    let mut states = Vec::new();
    for _ in 0..200 {
        let content = file.after_power_loss(Fate::Mixed, 512, &mut random);
        assert_eq!(content[..512], [2; 512]);
        states.push((content[512], content[1023], content.get(1024).copied()));
    }
    for expected in
        [(1, 1, None), (3, 3, None), (1, 1, Some(3)), (3, 3, Some(3)), (3, 1, None), (3, 3, Some(0))]
    {
        assert!(states.contains(&expected), "{expected:?} never happens");
    }
    let kept = file.after_power_loss(Fate::Kept, 4096, &mut random);
    assert_eq!(kept, [vec![2; 512], vec![3; 1024]].concat());
    let lost = file.after_power_loss(Fate::Lost, 4096, &mut random);
    assert_eq!(lost, [vec![2; 512], vec![1; 512]].concat());
    file.change(2, Change::Resize(100));
    file.sync(3);
    assert_eq!(file.after_power_loss(Fate::Mixed, 512, &mut random), [2; 100]);
}

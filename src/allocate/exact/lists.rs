//! The open items of each section, in the order in which they are to be tried.

use super::instance::Instance;
use crate::limits::{Meter, Stop};
use crate::sorting::sort_by_keys;

/// Doubly linked lists, from which an item goes and to which it comes back in
/// constant time for each of its sections (Knuth's dancing links).
#[derive(Debug)]
pub(super) struct Lists {
    links: Vec<Link>,
    /// Entries of each item, as `Instance::sections` has them.
    entries: Vec<u32>,
    /// Entries below this number are heads.
    heads: u32,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    next: u32,
    previous: u32,
    item: u32,
}

impl Lists {
    /// With all items, by rank.
    ///
    /// # Errors
    /// Why it must stop before it is done.
    pub(super) fn new(instance: &Instance, rank: &[u32], meter: &mut Meter<'_>) -> Result<Self, Stop> {
        let heads = instance.section_count();
        let link = |number| Link { next: number, previous: number, item: u32::MAX };
        let mut lists = Self {
            links: (0..heads).map(link).collect(),
            entries: vec![0; instance.sections.entry_count()],
            heads,
        };
        let first = |item| instance.sections.start(item) as usize;
        let mut filled: Vec<usize> = (0..instance.item_count()).map(first).collect();
        let mut members = Vec::new();
        for section in 0..heads {
            members.clear();
            members.extend_from_slice(instance.members.row(section));
            sort_by_keys(&mut members, |&item| [rank[item as usize].into(), 0]);
            for &item in &members {
                // Sections come in ascending order, as they do in the row of the item.
                lists.entries[filled[item as usize]] = lists.append(section, item);
                filled[item as usize] += 1;
            }
            meter.charge(8 * members.len())?;
        }
        Ok(lists)
    }

    fn append(&mut self, head: u32, item: u32) -> u32 {
        let entry = self.links.len() as u32;
        let previous = self.links[head as usize].previous;
        self.links.push(Link { next: head, previous, item });
        self.links[previous as usize].next = entry;
        self.links[head as usize].previous = entry;
        entry
    }

    /// The items of a section.
    #[inline]
    pub(super) fn items(&self, section: u32) -> impl Iterator<Item = u32> + '_ {
        let mut link = self.links[section as usize];
        std::iter::from_fn(move || {
            if link.next < self.heads {
                return None;
            }
            link = self.links[link.next as usize];
            Some(link.item)
        })
    }

    /// The entry after this one, or after a head, and its item.
    #[inline]
    pub(super) fn after(&self, entry: u32) -> Option<(u32, u32)> {
        let next = self.links[entry as usize].next;
        (next >= self.heads).then(|| (next, self.links[next as usize].item))
    }

    /// Takes an item out of the list of its section number `place`, counted over
    /// all rows.
    #[inline]
    pub(super) fn remove(&mut self, place: usize) {
        let Link { next, previous, .. } = self.links[self.entries[place] as usize];
        self.links[previous as usize].next = next;
        self.links[next as usize].previous = previous;
    }

    /// Puts back the one that was taken out last.
    #[inline]
    pub(super) fn restore(&mut self, place: usize) {
        let entry = self.entries[place];
        let Link { next, previous, .. } = self.links[entry as usize];
        self.links[previous as usize].next = entry;
        self.links[next as usize].previous = entry;
    }
}

//! The open items of each section, in value order.

use super::instance::ExactInstance;
use crate::support::limits::{Budget, Stop};
use crate::support::sorting::sort_by_keys;

/// Doubly linked lists with removal and restoration in constant time per section of an item
/// (Knuth's dancing links).
///
/// Items must be restored in the reverse order of their removal: a removed entry keeps its
/// own links, and these are valid again exactly when all later removals are undone.
#[derive(Debug)]
pub(super) struct OpenItems {
    links: Vec<ListLink>,
    /// List entries of each item, in the layout of `ExactInstance::sections`.
    entries: Vec<u32>,
    /// Entries below this index are the list heads, one per section.
    heads: u32,
}

#[derive(Clone, Copy, Debug)]
struct ListLink {
    next: u32,
    previous: u32,
    item: u32,
}

impl OpenItems {
    /// Lists with all items open, in the order of `rank`.
    pub(super) fn new(instance: &ExactInstance, rank: &[u32], budget: &mut Budget<'_>) -> Result<Self, Stop> {
        let heads = instance.section_count();
        let link = |number| ListLink { next: number, previous: number, item: u32::MAX };
        let mut lists =
            Self { links: (0..heads).map(link).collect(), entries: vec![0; instance.sections.len()], heads };
        let first = |item| instance.sections.start(item) as usize;
        let mut filled: Vec<usize> = (0..instance.item_count()).map(first).collect();
        let mut members = Vec::new();
        for section in 0..heads {
            members.clear();
            members.extend_from_slice(instance.members.row(section));
            sort_by_keys(&mut members, |&item| [rank[item as usize].into(), 0]);
            for &item in &members {
                // Sections are visited in ascending order, like the row of each item.
                lists.entries[filled[item as usize]] = lists.append(section, item);
                filled[item as usize] += 1;
            }
            budget.charge(8 * members.len())?;
        }
        Ok(lists)
    }

    fn append(&mut self, head: u32, item: u32) -> u32 {
        let entry = self.links.len() as u32;
        let previous = self.links[head as usize].previous;
        self.links.push(ListLink { next: head, previous, item });
        self.links[previous as usize].next = entry;
        self.links[head as usize].previous = entry;
        entry
    }

    /// Items of a section, in value order.
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

    /// The entry after an entry or a head, with its item.
    #[inline]
    pub(super) fn after(&self, entry: u32) -> Option<(u32, u32)> {
        let next = self.links[entry as usize].next;
        (next >= self.heads).then(|| (next, self.links[next as usize].item))
    }

    /// Removes an item from one section's list; `pair` is the index of the pair in the rows of
    /// `ExactInstance::sections`.
    #[inline]
    pub(super) fn remove(&mut self, pair: usize) {
        let ListLink { next, previous, .. } = self.links[self.entries[pair] as usize];
        self.links[previous as usize].next = next;
        self.links[next as usize].previous = previous;
    }

    /// Undoes the last removal.
    #[inline]
    pub(super) fn restore(&mut self, pair: usize) {
        let entry = self.entries[pair];
        let ListLink { next, previous, .. } = self.links[entry as usize];
        self.links[previous as usize].next = entry;
        self.links[next as usize].previous = entry;
    }
}

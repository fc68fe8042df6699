//! Search for merges: pairs first, then local search.

use super::packing::{ObjectPacker, PackedObject};
use crate::allocate::occupancy::Fit;
use crate::allocate::order::{Order, Orders};
use crate::support::arithmetic::align_up;
use crate::support::ids::BufferId;
use crate::support::limits::{Budget, Stop};
use crate::support::random::Random;
use crate::support::sorting::{Keyed, sort_by_keys, sort_keyed};

/// Orders in which the tensors of several objects are packed into one.
const ORDERS: [Order; 6] = [
    Order::SizeStart,
    Order::SizeLength,
    Order::ConflictSize,
    Order::AreaLength,
    Order::BreadthSize,
    Order::LengthSize,
];

/// Node limit for merging in pairs, which takes too long for thousands of objects.
const PAIR_NODES: u64 = 500_000;

pub(super) struct MergeSearch<'a> {
    pub(super) objects: Vec<PackedObject>,
    packer: ObjectPacker<'a>,
    /// Rank of each buffer in each order.
    ranks: Vec<Vec<u32>>,
    random: Random,
    /// Lower bound on the sum of sizes.
    bound: u64,
}

impl<'a> MergeSearch<'a> {
    pub(super) fn new(
        objects: Vec<PackedObject>,
        packer: ObjectPacker<'a>,
        orders: &Orders<'_>,
        (seed, bound): (u64, u64),
        budget: &mut Budget<'_>,
    ) -> Result<Self, Stop> {
        let count = packer.problem.buffers().len();
        let mut all = Vec::with_capacity(ORDERS.len());
        for order in ORDERS {
            // Sorting takes some dozens of steps per buffer.
            budget.work(32 * count)?;
            let mut ranks = vec![0; count];
            for (rank, id) in orders.sorted(order).into_iter().enumerate() {
                ranks[id.index()] = rank as u32;
            }
            all.push(ranks);
        }
        Ok(Self { objects, packer, ranks: all, random: Random::new(seed), bound })
    }

    /// Searches until the bound is reached.
    ///
    /// # Errors
    /// The reason to stop. The objects are complete then, and not larger than at the start.
    pub(super) fn run(&mut self, budget: &mut Budget<'_>) -> Result<(), Stop> {
        // Every step accepts a change only if the arena does not grow, so stopping at any point leaves
        // a valid result. Pairs take O(k^2) packings for k objects, hence their node limit; the local
        // search ends at the bound or at the limit.
        self.merge_pairs(budget)?;
        self.merge_all(budget)?;
        while self.total() > self.bound {
            self.report(budget);
            match self.random.below(3) {
                0 => self.move_topmost(budget)?,
                1 => self.repack_some(1, budget)?,
                _ => {
                    let all = self.objects.len();
                    let max_count = if self.random.below(4) == 0 { all } else { all.min(4) };
                    let count = 1 + self.random.below(max_count);
                    self.repack_some(count, budget)?;
                }
            }
        }
        Ok(())
    }

    fn report(&self, budget: &mut Budget<'_>) {
        (budget.best, budget.bound) = (self.total(), self.bound);
    }

    /// Size of the arena.
    fn total(&self) -> u64 {
        arena(self.objects.iter())
    }

    /// A height at which packing can stop, as no merge of that height helps: the sum of sizes
    /// plus the padding that a merge may save.
    fn height_limit(&self, sizes: u64) -> u64 {
        sizes.saturating_add(self.objects.iter().map(|object| object.alignment).max().unwrap_or(1))
    }

    /// Size of the arena if the objects `gone` were replaced by `new`.
    fn total_with(&self, gone: &[usize], new: &[&PackedObject]) -> u64 {
        let rest = self.objects.iter().enumerate().filter(|(object, _)| !gone.contains(object));
        arena(rest.map(|(_, object)| object).chain(new.iter().copied()))
    }

    /// Merges the smallest object into the one where that saves most, and repeats until no merge
    /// saves anything.
    fn merge_pairs(&mut self, budget: &mut Budget<'_>) -> Result<(), Stop> {
        let node_limit = budget.nodes() + PAIR_NODES;
        loop {
            sort_by_keys(&mut self.objects, |object| [u64::from(!object.pinned), !object.size()]);
            let before = self.objects.len();
            let mut guest = before;
            while guest > 1 && self.total() > self.bound && budget.nodes() < node_limit {
                guest -= 1;
                self.report(budget);
                if let Some((host, merged)) = self.best_host(guest, budget)? {
                    self.objects[host] = merged;
                    self.objects.remove(guest);
                }
            }
            if self.objects.len() == before || self.total() <= self.bound || budget.nodes() >= node_limit {
                return Ok(());
            }
        }
    }

    /// The host into which an object is merged so that the arena becomes smallest, and the merged object; none if no
    /// merge makes it smaller.
    fn best_host(
        &mut self,
        guest: usize,
        budget: &mut Budget<'_>,
    ) -> Result<Option<(usize, PackedObject)>, Stop> {
        let size = self.objects[guest].size();
        let guests = self.sorted(&[guest], 0, 0);
        let mut best = None;
        let mut min_total = self.total();
        for host in 0..guest {
            let object = &self.objects[host];
            let limit = self.height_limit(object.size() + size);
            let packed = self.packer.pack(&object.members, &guests, Fit::Lowest, limit, budget)?;
            let Some(members) = packed else { continue };
            let merged = PackedObject::of(members.to_vec(), object.pinned, self.packer.problem);
            let is_inside_host = merged.height == object.height;
            let total = self.total_with(&[guest, host], &[&merged]);
            if total < min_total {
                min_total = total;
                best = Some((host, merged));
                // The whole size of the guest is saved.
                if is_inside_host {
                    break;
                }
            }
        }
        Ok(best)
    }

    /// Tries to pack all objects into one, by each of the orders.
    fn merge_all(&mut self, budget: &mut Budget<'_>) -> Result<(), Stop> {
        for order in 0..ORDERS.len() {
            for fit in [Fit::Lowest, Fit::Tightest] {
                if self.objects.len() > 1 && self.total() > self.bound {
                    let all: Vec<usize> = (0..self.objects.len()).collect();
                    self.repack(&all, order, 0, fit, budget)?;
                }
            }
        }
        Ok(())
    }

    /// Packs some objects into one, by a randomised order.
    fn repack_some(&mut self, count: usize, budget: &mut Budget<'_>) -> Result<(), Stop> {
        let chosen = self.random.sample(0..self.objects.len(), count);
        let members: usize = chosen.iter().map(|&object| self.objects[object].members.len()).sum();
        let order = self.random.below(ORDERS.len());
        let spread = [0, 3, 10, members / 4][self.random.below(4)];
        let fit = [Fit::Lowest, Fit::Tightest][self.random.below(2)];
        self.repack(&chosen, order, spread, fit, budget)
    }

    /// Packs objects into one if that reduces the size. A single object is also replaced at equal
    /// size, for another arrangement.
    fn repack(
        &mut self,
        chosen: &[usize],
        order: usize,
        spread: usize,
        fit: Fit,
        budget: &mut Budget<'_>,
    ) -> Result<(), Stop> {
        let guests = self.sorted(chosen, order, spread);
        let before: u64 = chosen.iter().map(|&object| self.objects[object].size()).sum();
        let limit = self.height_limit(before);
        let pinned = chosen.iter().copied().find(|&object| self.objects[object].pinned);
        let kept = pinned.map_or_else(Vec::new, |object| self.fixed_members(object));
        let packed = self.packer.pack(&kept, &guests, fit, limit, budget)?;
        let Some(members) = packed else { return Ok(()) };
        let merged = PackedObject::of(members.to_vec(), pinned.is_some(), self.packer.problem);
        let (total, now) = (self.total_with(chosen, &[&merged]), self.total());
        if total < now || total == now && chosen.len() == 1 {
            let mut gone = chosen.to_vec();
            sort_by_keys(&mut gone, |&object| [!(object as u64), 0]);
            for object in gone {
                self.objects.swap_remove(object);
            }
            self.objects.push(merged);
        }
        Ok(())
    }

    /// Moves the topmost tensors of an object to another, if that reduces the size.
    fn move_topmost(&mut self, budget: &mut Budget<'_>) -> Result<(), Stop> {
        if self.objects.len() < 2 {
            return self.repack_some(1, budget);
        }
        let from = self.random.below(self.objects.len());
        let to = (from + 1 + self.random.below(self.objects.len() - 1)) % self.objects.len();
        let (source, target) = (&self.objects[from], &self.objects[to]);
        let problem = self.packer.problem;
        let is_top = |&(id, offset): &(BufferId, u64)| offset + problem.buffer(id).size() == source.height;
        let (top, rest): (Vec<_>, Vec<_>) = source.members.iter().partition(|member| is_top(member));
        if top.iter().any(|&(id, _)| problem.buffer(id).fixed_offset().is_some()) {
            return Ok(());
        }
        let rest = PackedObject::of(rest, source.pinned, problem);
        let guests: Vec<BufferId> = top.into_iter().map(|(id, _)| id).collect();
        let limit = self.height_limit(source.size() + target.size() - rest.size());
        let packed = self.packer.pack(&target.members, &guests, Fit::Lowest, limit, budget)?;
        let Some(members) = packed else { return Ok(()) };
        let grown = PackedObject::of(members.to_vec(), target.pinned, problem);
        if self.total_with(&[from, to], &[&rest, &grown]) < self.total() {
            self.objects[to] = grown;
            self.objects[from] = rest;
            self.objects.retain(|object| !object.members.is_empty());
        }
        Ok(())
    }

    fn fixed_members(&self, object: usize) -> Vec<(BufferId, u64)> {
        let members = self.objects[object].members.iter().copied();
        members.filter(|&(id, _)| self.packer.problem.buffer(id).fixed_offset().is_some()).collect()
    }

    /// Movable tensors of the objects in an order, each displaced by up to `spread` positions.
    fn sorted(&mut self, objects: &[usize], order: usize, spread: usize) -> Vec<BufferId> {
        let ranks = &self.ranks[order];
        let members = objects.iter().flat_map(|&object| &self.objects[object].members);
        let free = members.filter(|&&(id, _)| self.packer.problem.buffer(id).fixed_offset().is_none());
        let mut ids: Vec<BufferId> = free.map(|&(id, _)| id).collect();
        sort_by_keys(&mut ids, |id| [ranks[id.index()].into(), 0]);
        let indices = 0..ids.len();
        let moved = indices.map(|index| [(index + self.random.below(spread + 1)) as u64, index as u64]);
        let mut keyed: Vec<Keyed> = moved.map(|keys| (keys, keys[1])).collect();
        sort_keyed(&mut keyed);
        keyed.into_iter().map(|(_, index)| ids[index as usize]).collect()
    }
}

/// End of the last of these objects: the pinned one first, then those of large alignment, so
/// that objects whose sizes are multiples of their alignments need no padding. The last object
/// needs none after it.
fn arena<'a>(objects: impl Iterator<Item = &'a PackedObject>) -> u64 {
    let (mut pinned, mut alignment, mut sizes) = (0, 1, 0);
    let mut last = (u64::MAX, 0);
    for object in objects {
        if object.pinned {
            pinned = object.height;
            continue;
        }
        alignment = object.alignment.max(alignment);
        sizes += object.size();
        if object.alignment < last.0 || object.alignment == last.0 && object.padding() > last.1 {
            last = (object.alignment, object.padding());
        }
    }
    if sizes == 0 { pinned } else { align_up(pinned, alignment) + sizes - last.1 }
}

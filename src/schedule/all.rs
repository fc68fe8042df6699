//! Every order of a few operators.

use super::Scheduler;
use super::cursor::Cursor;
use crate::graph::Graph;
use crate::ids::OperatorId;
use crate::limits::{Meter, Stop};

/// Who is told of an order, and says below which height the next ones have to stay.
type Visit<'v, E> = &'v mut dyn FnMut(&[OperatorId], &mut Meter<'_>) -> Result<u64, E>;

impl Scheduler<'_> {
    /// Visits all orders in which no step takes as much as this height, or what the last visit
    /// has lowered it to, whatever is shared. Their number is exponential.
    ///
    /// # Errors
    /// Why it must stop, or what a visit says.
    pub(crate) fn all_orders<E: From<Stop>>(
        &self,
        height: u64,
        meter: &mut Meter<'_>,
        visit: Visit<'_, E>,
    ) -> Result<(), E> {
        let cursor = Cursor::new(self.network()?);
        All { graph: self.graph, cursor, order: Vec::new(), height, visit }.descend(meter)
    }
}

struct All<'a, E> {
    graph: &'a Graph,
    cursor: Cursor<'a>,
    order: Vec<OperatorId>,
    height: u64,
    visit: Visit<'a, E>,
}

impl<E: From<Stop>> All<'_, E> {
    fn descend(&mut self, meter: &mut Meter<'_>) -> Result<(), E> {
        meter.spend(1)?;
        let count = self.cursor.network.operator_count();
        if self.order.len() == count as usize {
            self.height = (self.visit)(&self.order, meter)?;
            return Ok(());
        }
        for operator in 0..count {
            if self.cursor.is_ready(operator) && self.cursor.step(operator).bytes < self.height {
                self.cursor.flip(operator, |_| {});
                self.order.push(self.graph.file_order()[operator as usize]);
                self.descend(meter)?;
                self.order.pop();
                self.cursor.flip(operator, |_| {});
            }
        }
        Ok(())
    }
}

//! The rules that plans must satisfy, one identifier and one statement for each.
//!
//! The table below is the only list of rules in the code. `docs/verify.md` lists the same rules by
//! subject, and a test compares the two. Identifiers are stable: a rule keeps its identifier in all later
//! versions, and no rule gets the identifier of a rule that was dropped.

use std::fmt;

/// Defines [`Rule`] from rows of name, identifier and statement.
macro_rules! rules {
    ($($name:ident $id:literal $statement:literal;)*) => {
        /// A rule that every plan must satisfy.
        ///
        /// The letter of the [identifier](Self::id) names the subject: **F**orm of the plan, **O**rder,
        /// **N**ested bodies, **P**lacements, **L**ive ranges, **A**ddresses, **D**istances between
        /// tensors, **S**haring, **M**emory contents, **G**roups of buffers in shared objects, **B**ounds,
        /// buffers **K**ept on chip, **R**esidency in pools, **T**ransfers, **C**ost, ro**W**s of tiles.
        ///
        /// `docs/verify.md` lists all rules with the functions that check them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(
                #[doc = concat!("`", $id, "`: ", $statement)]
                $name,
            )*
        }

        impl Rule {
            /// All rules, by subject and number.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The identifier, for example `A1`: unique, and the same in all versions.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                }
            }

            /// The condition that a plan must satisfy, in one sentence.
            #[must_use]
            pub const fn statement(self) -> &'static str {
                match self {
                    $(Self::$name => $statement,)*
                }
            }
        }
    };
}

rules! {
    ListLength "F1" "Every list of the plan has one entry for each item that it describes.";
    PlanAlignment "F2" "The alignment of the plan is a power of two.";
    ReservedRange "F3" "Every reserved range is half-open and not empty.";
    PlacementCount "F4" "The plan has fewer than 2^32 placements.";

    OperatorOnce "O1"
        "The order names every operator that is not folded exactly once, and no other operator.";
    ProducerFirst "O2" "An operator runs after the producers of its inputs.";
    RunsAfter "O3" "An operator runs after the operators that its order-only dependencies name.";
    VariableOrder "O4" "Operators that use the same variable run in program order.";

    BodyPlans "N1" "The plan has one plan for each body, by operator and number of the body.";
    BodyAlignment "N2" "The plan of a body has the alignment of the plan that contains it.";
    LinkedTensors "N3" "Linked tensors and the scratch buffer lie where the plans of the bodies use them.";

    PlacementExists "P1" "Every tensor and every scratch buffer that needs memory has a placement.";
    PlacementNeeded "P2" "Only tensors and scratch buffers that need memory have a placement.";
    PlacementSize "P3" "A placement has the size of its tensor or scratch buffer.";

    LiveRange "L1" "The live range of a placement follows from the order.";
    WithinRun "L2" "A residency interval is not empty and lies within the run.";

    Aligned "A1" "An offset is a multiple of the required alignment.";
    FixedOffset "A2" "A tensor or a buffer with a fixed offset lies at this offset.";
    WithinMemory "A3" "A placement ends within its arena or pool.";
    NotReserved "A4" "A placement has no byte in a reserved range.";
    Disjoint "A5" "Without aliases, placements that are live at the same step have no byte in common.";

    RelativePlacement "D1"
        "A tensor with a relative placement lies at the required distance from the other tensor.";
    KeptApart "D2" "Tensors that must be kept apart have no byte in common while both are live.";
    FixedInPool "D3" "In a plan for several memories, no tensor has a fixed offset.";

    AliasPermitted "S1" "Every alias is permitted by its operator.";
    AliasDistance "S2" "The tensors of an alias lie at the distance that the alias states.";
    NoOverwrite "S3"
        "An operator overwrites an input only with permission, and writes no byte for two operands.";

    IntactAtStart "M1"
        "When the run starts, the tensors that the caller or the previous run provides are intact.";
    IntactAtRead "M2" "When an operator reads a tensor, the tensor is intact.";
    IntactAfterWrite "M3" "After an operator runs, its outputs are intact.";
    IntactAtEnd "M4" "When the run ends, the tensors that the caller or the next run reads are intact.";
    IntactAtTransfer "M5" "When a transfer starts, the tensor is intact at its source.";

    ObjectsDisjoint "G1" "Shared objects have no byte in common.";
    ObjectExists "G2" "A member of a shared object has a placement, and the object exists.";
    WithinObject "G3" "A member of a shared object lies within the object.";
    WithinHost "G4"
        "A guest lies at the stated distance within its host, in the same object, and is never live with it.";
    ObjectsBound "G5" "The lower bound on the sizes of shared objects is at most their sum.";

    CertificateMember "B1"
        "A member of the certificate needs memory, and is live at its step or has a fixed offset.";
    CertifiedBytes "B2" "The certificate proves the certified bytes.";
    CertifiedBelowBound "B3" "The certified bytes are at most the lower bound.";
    BoundBelowArena "B4" "The lower bound is at most the size of the arena.";
    BoundOverOrders "B5" "The bound over all orders is at most the bound of the plan's order.";
    StatusHolds "B6" "The status follows from arena size, lower bound and capacity.";

    ChoiceCapacity "K1" "The shared objects of a choice and its height are within the capacity.";
    ChoiceValue "K2" "The value of a choice is the sum of the values of its buffers.";
    ChoiceBound "K3" "The value of a choice is at most its upper bound.";

    PoolExists "R1" "A residency interval names a pool of the plan.";
    PoolAccepts "R2" "A pool accepts the kind and the size of its residents.";
    ResidencySorted "R3" "Residency intervals are sorted by tensor or scratch buffer, pool and start.";
    ResidencyUnique "R4"
        "Residency intervals of one tensor or scratch buffer in one pool have no step in common.";
    UseOfOperand "R5" "A use names a step of the run and an operand of the operator at this step.";
    UseResident "R6" "The operand of a use resides in the stated pool at the step of the use.";
    UseUnique "R7" "No two uses name the same operand at the same step.";
    OperandResident "R8" "An operand with bytes resides in a pool when its operator runs.";
    ResidentAtStart "R9"
        "When the run starts, inputs, constants and variables reside where the run expects them.";
    ResidentAtEnd "R10"
        "When the run ends, outputs, constants and variables reside where they are read next.";
    ReturnsToStart "R11" "A constant or a variable ends the run at the offset where it started.";
    InputPreserved "R12"
        "A preserved input stays at its offset in the pool of inputs, and nothing changes its bytes there.";
    StoredInPool "R13" "A tensor with a pool as its storage resides in this pool only.";

    TransferSorted "T1" "Transfers are sorted by the step at which they are due.";
    TransferEnds "T2" "A transfer names a tensor of the graph and two different pools of the plan.";
    TransferSize "T3" "A transfer moves all bytes of its tensor.";
    TransferWithinRun "T4" "A transfer starts no later than it is due, and is due within the run.";
    PrefetchLimit "T5" "A transfer takes at most the number of steps that the plan allows for prefetching.";
    TransferResident "T6" "The tensor of a transfer resides at both ends while the transfer is under way.";
    TransferOfWritten "T7" "A transfer starts after its tensor is written.";
    TransferUndisturbed "T8"
        "While a transfer is under way, nothing is written to its source or destination.";

    PoolUsage "C1" "The bytes used in a pool are the highest end of its residency intervals.";
    PoolTraffic "C2" "The traffic of a pool is the sum of all reads and writes by operators and transfers.";
    PreloadedBytes "C3" "The preloaded bytes are the sizes of all resident constants.";
    TotalCost "C4" "The cost is the traffic of all pools, weighted by their costs per byte.";
    BoundBelowCost "C5" "The lower bound is at most the cost.";
    UnavoidableCostBelowBound "C6" "The unavoidable cost is at most the lower bound.";

    TileLabel "W1" "Each tensor of a tiled graph is a tensor of the untiled graph or rows of one, and has its size.";
    TileWhole "W2" "An operator that runs as a whole is the untiled operator on its own tensors.";
    TileRead "W3"
        "A tile reads exactly the rows that its access map asks for, and its padding is what lies outside.";
    TileWrite "W4" "A tile writes the rows that it states, of each output of its operator.";
    TileCarry "W5" "Carried rows are rows that the stripe before holds.";
    TilePlace "W6"
        "A tensor in parts has each row once, at its place; parts that are read together follow each other.";
    TilePermit "W7" "A permission to share memory in a tiled graph follows from one of the untiled graph.";
    TileOrder "W8" "Each operator runs as a whole or in tiles, in an order that the untiled graph allows.";
    TileRegion "W9" "Regions, stripes and cost of a tiled plan are those of its tiled graph.";
    TileConstraint "W10"
        "Tensors keep alignment and place; tensors with placement constraints are not split.";
}

impl Rule {
    /// Returns true for rules about the lower bound: if a plan breaks only these, its offsets are right.
    pub(super) fn is_about_bound(self) -> bool {
        matches!(
            self,
            Self::CertificateMember
                | Self::CertifiedBytes
                | Self::CertifiedBelowBound
                | Self::BoundBelowArena
                | Self::BoundOverOrders
        )
    }
}

/// The identifier.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

//! Task graphs: in which order tasks run, which may run side by side, and what stands in the way.
//!
//! Everything works on *positions*: a task is the `u32` index of its place in the caller's list, ids are looked at once
//! when the [`Graph`] is built. All passes are linear in tasks and dependencies (plus the logarithm of one sort and one
//! heap) and none recurses, so a chain or a cycle of 100,000 tasks is as safe as one of three.
//!
//! - [`plan`] answers for a whole list at once: order, levels, broken cycles, unknown dependencies.
//! - [`WorkflowRun`] hands out ready tasks and takes their outcomes. It has no threads and no clock: the host runs the
//!   tasks and says what time it is.
//!
//! # The rules
//!
//! They are exact, so that every implementation gives the same answers; `testdata/workflow-vectors.json` holds examples.
//!
//! 1. A smaller priority is more urgent. Equal priorities are decided by position: the earlier task first. This pair is
//!    called the *rank*.
//! 2. A dependency on an id that no task has is ignored and reported. A dependency mentioned twice counts once.
//! 3. A task is *ready* when all its dependencies are ordered. [`Discipline::Rounds`] takes all tasks that are ready,
//!    by rank, then looks again; [`Discipline::Urgency`] takes one task at a time, the one of the least rank.
//! 4. When tasks remain and none is ready, there is a cycle: the remaining task of the least rank is taken, and its
//!    dependencies that are not yet ordered are dropped and reported. It may merely wait for a cycle without being part
//!    of it; [`Graph::cycles`] names the cycles themselves. A task that depends on itself is a cycle of one.
//! 5. The level of a task is 0 without dependencies, else one more than the highest level among them; dropped and
//!    unknown dependencies do not count.

mod cycles;
mod graph;
mod levels;
mod order;
mod plan;
mod run;
mod task;
mod urgency;

pub use graph::{Graph, UnknownDependency};
pub use levels::{group_by_level, levels};
pub use order::{BrokenCycle, Discipline, Sequence, order};
pub use plan::{Plan, plan, plan_graph, plan_with};
pub use run::{
    AgentUse, FailurePolicy, RunOptions, Skip, TaskDetail, TaskRecord, TaskStatus, WorkflowRun,
    WorkflowSummary,
};
pub use task::Task;
pub use urgency::{Preference, ranks};

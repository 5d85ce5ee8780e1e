//! One inference on a place of a device.

use std::sync::Arc;

use super::Shared;
use super::device::{Flight, Place};
use super::models::{Instance, Shapes, Variant};
use super::service::Failed;
use crate::error::Result;
use crate::model::cell::{Cell, Rows};
use crate::model::compile::{Compiled, Threads};
use crate::model::signature::Inputs;
use crate::operation::Name;
use crate::scheduler::Nanos;
use crate::tensor::Tensor;

/// A compiled form of a model, with a free place in it if there is one.
pub(super) type Found = Option<(Arc<Compiled>, Option<Cell>)>;

/// What an inference runs on.
#[derive(Debug)]
pub(super) struct On {
    pub(super) model: usize,
    pub(super) instance: Arc<Instance>,
    /// The generation of the model when the inference was formed.
    pub(super) generation: u64,
    /// Which compiled form; none: the model as it is.
    pub(super) shapes: Option<Shapes>,
    /// Whether outputs are divided by rows: among several requests, or to leave out the rows of a larger form.
    pub(super) by_rows: bool,
    pub(super) start: Nanos,
}

/// One inference for one or several operations.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) on: On,
    pub(super) found: Found,
    pub(super) flights: Vec<Flight>,
}

/// A finished inference on its way into the state.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) on: On,
    pub(super) place: Option<(Arc<Compiled>, Cell)>,
    pub(super) flights: Vec<Flight>,
    pub(super) outcome: std::result::Result<Vec<Vec<(Name, Tensor)>>, Failed>,
    /// How long the device took.
    pub(super) compute: Nanos,
    /// When the outputs were there, too.
    pub(super) end: Nanos,
}

/// Runs an inference. None when it was given up meanwhile and this worker must end.
pub(super) fn run(shared: &Shared, place: &Place, work: Work) -> Option<Done> {
    let Work { mut on, found, flights } = work;
    on.start = shared.now();
    let (ready, flights) = match found {
        Some((compiled, Some(cell))) => (Ok((compiled, cell)), flights),
        found => place.keep_while(flights, &on, || ready_cell(shared, &on, found))?,
    };
    let (compiled, mut cell) = match ready {
        Ok(ready) => ready,
        Err(failed) => {
            let (outcome, end) = (Err(failed), shared.now());
            return Some(Done { on, place: None, flights, outcome, compute: 0, end });
        }
    };
    if let Err(error) = bind(&mut cell, &on.instance, &flights) {
        let (place, outcome) = (Some((compiled, cell)), Err(Failed::request(error)));
        return Some(Done { on, place, flights, outcome, compute: 0, end: shared.now() });
    }
    let split = split_rows(&on, &flights);
    if let Some(priority) = flights.iter().map(|flight| flight.pending.priority).max() {
        compiled.urgency.follow(&compiled.model, priority);
    }
    let began = shared.now();
    place.occupy(flights, &on, began, cell.canceller());
    let ran = cell.run();
    let compute = shared.now().saturating_sub(began);
    // None: it was given up and answered for. Now that the device came back after all, its place can go.
    let flights = place.vacate()?;
    let ports = &on.instance.signature.outputs;
    let outcome = ran.map_err(Failed::device).and_then(|()| {
        let outputs = split.into_iter().map(|rows| cell.outputs(ports, rows));
        outputs.collect::<Result<_>>().map_err(Failed::request)
    });
    let place = Some((compiled, cell));
    Some(Done { on, place, flights, outcome, compute, end: shared.now() })
}

/// A place in the compiled form for the shapes; both are made when there are none.
fn ready_cell(
    shared: &Shared,
    on: &On,
    found: Found,
) -> std::result::Result<(Arc<Compiled>, Cell), Failed> {
    let (compiled, cell) = match found {
        Some(found) => found,
        None => compile_variant(shared, on)?,
    };
    let place = |compiled: &Compiled| on.instance.place(compiled).map_err(Failed::device);
    let cell = match cell {
        Some(cell) => cell,
        None if compiled.threads == Threads::Caller => {
            let model = on.instance.shaped(on.shapes.as_ref()).map_err(Failed::compiler)?;
            let own = on.instance.compile(&model, Threads::Caller).map_err(Failed::compiler)?;
            place(&own)?
        }
        None => place(&compiled)?,
    };
    Ok((compiled, cell))
}

fn compile_variant(
    shared: &Shared,
    on: &On,
) -> std::result::Result<(Arc<Compiled>, Option<Cell>), Failed> {
    let shapes = on.shapes.as_ref();
    let _one_at_a_time = on.instance.compiling.lock();
    if let Some(found) = shared.current_variant(on) {
        return Ok(found);
    }
    let model = on.instance.shaped(shapes).map_err(Failed::request)?;
    let compiled =
        Arc::new(on.instance.compile(&model, Threads::Device).map_err(Failed::compiler)?);
    let now = shared.now();
    let mut state = shared.state.lock();
    let entry = &mut state.models.entries[on.model];
    // Meanwhile the model may have gone elsewhere, where this form would be taken for one of that device.
    let let_go = (entry.generation == on.generation).then(|| {
        let compiled = Arc::clone(&compiled);
        entry.add_variant(Variant::new(&on.instance, shapes.cloned(), compiled, now))
    });
    drop(state);
    drop(let_go);
    Ok((compiled, None))
}

impl Shared {
    fn current_variant(&self, on: &On) -> Found {
        let mut state = self.state.lock();
        let entry = &mut state.models.entries[on.model];
        if entry.generation != on.generation {
            return None;
        }
        entry.variant(on.shapes.as_ref(), self.now())
    }
}

fn bind(cell: &mut Cell, instance: &Instance, flights: &[Flight]) -> Result<()> {
    let inputs = flights
        .iter()
        .map(|flight| instance.signature.arrange(flight.pending.inference(), &flight.carried))
        .collect::<Result<Vec<Inputs<'_>>>>()?;
    cell.bind(&inputs)
}

/// Which rows of the outputs belong to which operation; none: all of them to the only one.
fn split_rows(on: &On, flights: &[Flight]) -> Vec<Option<Rows>> {
    if !on.by_rows {
        return vec![None; flights.len()];
    }
    let mut first = 0;
    flights
        .iter()
        .map(|flight| {
            let count = flight.rows();
            first += count;
            Some(Rows { first: first - count, count })
        })
        .collect()
}

/// How many rows an inference had.
pub(super) fn rows_of(instance: &Instance, flights: &[Flight]) -> usize {
    if instance.signature.stacks { flights.iter().map(Flight::rows).sum() } else { 1 }
}

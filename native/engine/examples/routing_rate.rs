//! How fast agents are chosen by words, in Rust and by the wall clock; for `npm run bench:workflow`.
//!
//! Prints, as JSON: texts a second of each round with many texts in one call, and microseconds of a route of each round
//! with one text in a call.

use std::hint::black_box;
use std::time::Instant;

use npubridge_engine::routing::{LexicalIndex, Profile, Scratch};

const AGENTS: usize = 100;
const TEXTS: usize = 100_000;
const SINGLE: usize = 20_000;
const ROUNDS: usize = 15;
const VERBS: [&str; 10] = [
    "review",
    "deploy",
    "monitor",
    "encrypt",
    "translate",
    "compile",
    "measure",
    "draw",
    "plan",
    "index",
];
const THINGS: [&str; 11] = [
    "code", "servers", "metrics", "secrets", "texts", "kernels", "latency", "maps", "roadmaps",
    "books", "logs",
];

fn profile(at: usize) -> Profile {
    let (verb, thing) =
        (|at: usize| VERBS[at % VERBS.len()], |at: usize| THINGS[at % THINGS.len()]);
    Profile {
        name: format!("agent-{at}"),
        description: format!(
            "Can {} {} and then {} the {} number {at}",
            verb(at),
            thing(at * 7),
            verb(at * 3 + 1),
            thing(at * 5 + 2)
        ),
        ..Profile::default()
    }
}

fn main() {
    let index = LexicalIndex::new(&(0..AGENTS).map(profile).collect::<Vec<_>>());
    let text = |at: usize| {
        let (verb, thing) = (VERBS[at % VERBS.len()], THINGS[at * 3 % THINGS.len()]);
        format!("please {verb} the {thing} of customer {at} before noon")
    };
    let texts: Vec<String> = (0..TEXTS).map(text).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    black_box(index.select_all(&texts));
    let mut scratch = Scratch::default();
    let (mut many, mut single) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        black_box(index.select_all(&texts));
        many.push(TEXTS as f64 / start.elapsed().as_secs_f64());
        let start = Instant::now();
        for text in &texts[..SINGLE] {
            black_box(index.select(text, &mut scratch));
        }
        single.push(start.elapsed().as_secs_f64() * 1e6 / SINGLE as f64);
    }
    println!("{{\"routesPerSecond\":{many:?},\"microseconds\":{single:?}}}");
}

//! Emits the link arguments that a Node add-on needs.

fn main() {
    napi_build::setup();
}

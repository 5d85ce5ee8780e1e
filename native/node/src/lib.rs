//! N-API binding of the npubridge engine.

//! The small steps that a signed poll and a report are made of, one by one, for tools that time them or count their
//! instructions. The program of the same name measures the whole.

pub mod micro;

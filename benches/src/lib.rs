//! What the benchmarks share: rounds of measuring, tables, the machine, and one bot in many forms.
//!
//! The harness is our own because the question is always "how much of that": the cases of a table
//! run in turn, A B C A B C, in one process, so that what else the machine does meets all of them
//! alike, and a figure is the median of the rounds with the least and the most.

pub mod bots;
pub mod machine;
pub mod rounds;
pub mod table;

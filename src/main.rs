//! The `counterfoil` binary: an allocator that gives memory back, and one call.

#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Under many short requests glibc's allocator holds on to several times the memory that is in use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    counterfoil::cli::main()
}

//! Times the small steps: `cargo bench -p longrun-bench`. Instructions are counted by `cargo xtask bench --micro`.

use longrun_bench::micro::{self, Case};

fn main() {
    divan::main();
}

fn names() -> Vec<String> {
    micro::cases().into_iter().map(|case| case.name).collect()
}

#[divan::bench(args = names())]
fn step(bencher: divan::Bencher, name: &String) {
    let case = micro::cases().into_iter().find(|case| case.name == *name);
    let Case { step, .. } = case.expect("the names are those of the cases");
    bencher.bench_local(step);
}

//! `longrun completions` and `longrun man`: what shells and people need to know of the program's arguments.

use crate::out;
use anyhow::Context;
use clap::Command;

/// The arguments of `longrun completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which shell
    shell: clap_complete::Shell,
}

/// Writes a script that completes the arguments.
pub(crate) fn completions(args: &Args, mut command: Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "longrun", &mut script);
    write(script)
}

/// Writes the manual page: the program's own part, then one for each command.
pub(crate) fn man(mut command: Command) -> anyhow::Result<()> {
    command.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for one in command
        .get_subcommands()
        .filter(|it| !it.is_hide_set() && it.get_name() != "help")
    {
        let man = clap_mangen::Man::new(one.clone());
        page.extend(format!(".SH \"LONGRUN {}\"\n", one.get_name().to_uppercase()).bytes());
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    write(page)
}

fn write(text: Vec<u8>) -> anyhow::Result<()> {
    let text = String::from_utf8(text).context("what was generated is no text")?;
    out::line(text.trim_end())?;
    Ok(())
}

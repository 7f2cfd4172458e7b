//! Drives the program `longrun` from outside, as its users would: over HTTP, through unmodified vendor SDKs, from the
//! command line, and with a hand on the plug.
//!
//! The program is the one that `LONGRUN_BIN` names, or else the one that cargo has built beside this test. A test says
//! that it is skipped where a variable is missing that names what it needs:
//!
//! | variable | names |
//! | --- | --- |
//! | `LONGRUN_TEST_PYTHON` | a Python with the vendors' SDKs |
//! | `LONGRUN_TEST_TCCLI` | Tencent's command line |
//! | `LONGRUN_TEST_PYTEST` | a Python with pytest |
//! | `LONGRUN_TEST_CHROMEDRIVER` | the driver of a browser |
//! | `LONGRUN_TEST_POSTGRES` | a PostgreSQL server, by its address |
//! | `LONGRUN_TEST_POSTGRES_PROGRAMS` | the folder with its programs, to start and kill others |

mod api;
mod bad_input;
mod cli;
mod console;
mod crash;
mod described;
mod emulate;
mod executors;
mod gateway;
mod identity;
mod killing;
mod moving;
mod one_per_resource;
mod postgres;
mod program;
mod projects;
mod python;
mod python_client;
mod rates;
mod sdk;
mod submits;
mod wait;
mod waiting;
mod watching;

//! Drives the program `longrun` from outside, as its users would: over HTTP, through unmodified vendor SDKs, from the
//! command line, and with a hand on the plug.
//!
//! The program is the one that `LONGRUN_BIN` names, or else the one that cargo has built beside this test. The SDKs run
//! in the Python that `LONGRUN_TEST_PYTHON` names; without it their tests say that they are skipped (Tencent's
//! command line is the one that `LONGRUN_TEST_TCCLI` names), as does the one of pytest without the Python that
//! `LONGRUN_TEST_PYTEST` names, and those of servers
//! that share a database without the PostgreSQL server that `LONGRUN_TEST_POSTGRES` names; `LONGRUN_TEST_POSTGRES_PROGRAMS`
//! is the folder with its programs, for tests that start and kill databases of their own.

mod api;
mod bad_input;
mod cli;
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
mod python;
mod python_client;
mod rates;
mod sdk;
mod submits;
mod wait;
mod waiting;
mod watching;

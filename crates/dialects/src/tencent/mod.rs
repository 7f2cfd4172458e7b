//! Tencent, API 2.0: what its products share.

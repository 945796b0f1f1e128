//! Where a viewer can begin.

// The whole command line in one call. Read on in verbs.hpp for the verbs.
#pragma once

namespace postroad::cli {

/// Runs the command line; returns the exit code for main.
int run(int argc, char** argv);

}  // namespace postroad::cli

// The command `postroad`. All of it is in app.cpp and the files of the verbs.
#include "cli/app.hpp"

int main(int argc, char** argv) { return postroad::cli::run(argc, argv); }

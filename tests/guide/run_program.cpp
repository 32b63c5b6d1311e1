// Runs a program with a shell of its own: timeout(1) bounds it, `cd` gives it its folder.
#include "run_program.hpp"

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>

namespace guide {

namespace fs = std::filesystem;

namespace {

std::set<std::string>& names_run() {
  static std::set<std::string> names;
  return names;
}

std::string quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

fs::path make_folder() {
  std::string name = (fs::temp_directory_path() / "postroad-guide-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  return name;
}

std::string command_line(const std::string& program, const std::vector<std::string>& arguments,
                         const RunOptions& options, const fs::path& folder) {
  std::string line = "cd " + quoted(folder.string()) + " && exec env";
  for (const auto& [name, value] : options.environment) line += " " + quoted(name + "=" + value);
  line += " timeout -s KILL 30 " + quoted(std::string(PROGRAMS) + "/" + program);
  for (const auto& argument : arguments) line += " " + quoted(argument);
  return line + " 2>&1 </dev/null";
}

}  // namespace

Run run(const std::string& program, const std::vector<std::string>& arguments,
        const RunOptions& options) {
  names_run().insert(program);
  const auto folder = make_folder();
  for (const auto& [name, source] : options.copies) fs::copy_file(source, folder / name);
  Run result;
  FILE* pipe = ::popen(command_line(program, arguments, options, folder).c_str(), "r");
  if (pipe == nullptr) return result;
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    result.output.append(buffer, n);
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  fs::remove_all(folder);
  return result;
}

std::vector<std::string> programs_run() { return {names_run().begin(), names_run().end()}; }

std::vector<std::string> all_programs() {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(PROGRAMS)) {
    if (entry.path().extension() == ".cpp") names.insert(entry.path().stem().string());
  }
  return {names.begin(), names.end()};
}

}  // namespace guide

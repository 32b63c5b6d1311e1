// The problems of a configuration: the search collects all of them and does not end at the first.
#pragma once

#include <cstdint>
#include <map>
#include <postroad/error.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "config/report.hpp"

namespace postroad::daemon {

enum class Severity : std::uint8_t {
  error,    ///< a server does not start with it, and refuses it at a reload
  hazard,   ///< a server runs with it, but `config check` fails: an open relay, for example
  warning,  ///< may be intended; `config check` succeeds
};

struct Problem {
  Severity severity = Severity::error;
  std::string option;  ///< "listener.0.role", the row counted from 0; or a table: "local"
  std::string detail;  ///< what is wrong; what to do
  Fault fault = Fault::input;
};

/// Where the options of a configuration were read from.
struct Source {
  std::string file;                       ///< as it was named by the user; empty: no file
  std::map<std::string, unsigned> lines;  ///< of options and tables: "server.data", "listener.0"
};

class Problems {
 public:
  void error(std::string option, std::string detail, Fault fault = Fault::input);
  /// With the error's place, except where that is the option.
  void error(std::string option, const Error& error);
  void hazard(std::string option, std::string detail);
  void warning(std::string option, std::string detail);

  [[nodiscard]] const std::vector<Problem>& all() const noexcept { return all_; }
  [[nodiscard]] bool has(Severity severity) const;
  /// The errors in one Error, its fault that of the first. Requires has(Severity::error).
  [[nodiscard]] Error joined(const Source& source) const;

 private:
  std::vector<Problem> all_;
};

/// One line: `receiving.toml:16: listener.role: …`, or without the place when the file does not
/// name the option.
std::string text_of(const Problem& problem, const Source& source);
/// Problems in the order of the file; those without a line come last.
std::vector<Problem> in_order(std::vector<Problem> problems, const Source& source);

/// The problems of a configuration, one line each and in the order of the file.
struct Findings {
  std::vector<std::string> errors;
  std::vector<std::string> hazards;
  std::vector<std::string> warnings;
};
/// The findings of loading and of the checks. A line that could not be loaded is reported once:
/// findings about the default in its place are left out.
Findings findings(const config::LoadReport& loaded, const Problems& problems,
                  const std::string& file);

/// "listener.2.role": the option of the row `index`.
std::string listener_option(std::size_t index, std::string_view option);

}  // namespace postroad::daemon

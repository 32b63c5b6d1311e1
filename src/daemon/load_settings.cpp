// Where the server's settings come from: the file, the environment, --set. See settings.hpp.
#include <fstream>
#include <sstream>

#include "config/file.hpp"
#include "config/override.hpp"
#include "daemon/settings.hpp"

namespace postroad::daemon {

config::LoadReport load_settings(const std::string& path,
                                 const std::vector<std::string>& assignments, Settings& settings) {
  config::LoadReport report;
  if (!path.empty()) {
    std::ifstream file(path);
    std::stringstream text;
    if (!file || !(text << file.rdbuf())) {
      report.errors.push_back(fail(
          Fault::input, path,
          "the configuration cannot be read: it does not exist, may not be read, or is empty"));
      return report;
    }
    // As far as it goes, even with errors: --set names the listeners of the file.
    report = config::load_toml(text.str(), path, declaration().erased(), &settings);
  }
  // Before --set, which may name an option of the default listener.
  if (settings.listeners.empty()) settings.listeners.push_back({.allow_bare_addresses = true});
  const auto environment = config::system_environment();
  for (auto& unknown :
       config::unknown_variables(environment, declaration().erased(), variables_of_sendmail))
    report.errors.push_back(std::move(unknown));
  report.add(config::load_environment(environment, declaration(), settings));
  for (const auto& assignment : assignments)
    report.add(config::set_option(assignment, declaration(), settings));
  if (settings.server.hostname.empty()) settings.server.hostname = system_hostname();
  return report;
}

}  // namespace postroad::daemon

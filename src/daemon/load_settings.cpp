// Where the server's settings come from: the file, the environment, --set. See settings.hpp.
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "config/file.hpp"
#include "config/override.hpp"
#include "daemon/settings.hpp"

namespace postroad::daemon {

namespace {

// A file without a byte is a configuration of defaults.
Result<std::string> read(const std::string& path) {
  const auto refuse = [&](const std::string& why) {
    return fail(Fault::input, path, "the configuration cannot be read: " + why);
  };
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return refuse("it is a folder; name a file");
  errno = 0;
  std::ifstream file(path);
  if (!file) return refuse(std::generic_category().message(errno));
  std::string text;
  std::array<char, 65'536> part;
  while (file.read(part.data(), part.size()) || file.gcount() > 0)
    text.append(part.data(), static_cast<std::size_t>(file.gcount()));
  if (file.bad()) return refuse("reading failed");
  return text;
}

}  // namespace

config::LoadReport load_settings(const std::string& path,
                                 const std::vector<std::string>& assignments, Settings& settings) {
  config::LoadReport report;
  if (!path.empty()) {
    const auto text = read(path);
    if (!text) {
      report.is_parsed = false;
      report.errors.push_back(text.error());
      return report;
    }
    // As far as it goes, even with errors: --set names the listeners of the file.
    report = config::load_toml(*text, path, declaration().erased(), &settings);
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

// Permissions of the server's user, tested by a process that has become that user, because its
// groups and the folders above count too. See access.hpp.
#include "daemon/access.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <set>
#include <system_error>

namespace postroad::daemon {

namespace {

namespace fs = std::filesystem;

std::string reason(int number) { return std::generic_category().message(number); }

// Makes a folder and removes it; 0, or the error's number. Root may write everywhere, by the modes,
// and yet a read-only disk or /proc takes nothing.
int make_folder_in(const fs::path& folder) {
  auto name = (folder / ".postroad-check-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return errno;
  ::rmdir(name.c_str());
  return 0;
}

class Access {
 public:
  Access(const Settings& settings, Problems& problems) : settings_(settings), problems_(problems) {}

  void check_readable(const std::string& option, const fs::path& file);
  void check_data();
  void check_log();

 private:
  [[nodiscard]] int access_of_server(const fs::path& path, int mode) const;
  [[nodiscard]] std::string user() const {
    return settings_.server.user.empty() ? "this user" : "user '" + settings_.server.user + "'";
  }
  void check_writable(const std::string& option, const fs::path& folder);
  void check_file(const std::string& option, const fs::path& file);

  const Settings& settings_;
  Problems& problems_;
};

// 0, or the error's number.
int Access::access_of_server(const fs::path& path, int mode) const {
  const auto* entry =
      settings_.server.user.empty() ? nullptr : ::getpwnam(settings_.server.user.c_str());
  if (entry == nullptr || ::geteuid() != 0 || entry->pw_uid == 0)
    return ::access(path.c_str(), mode) == 0 ? 0 : errno;
  const auto child = ::fork();
  if (child == 0) {
    if (::initgroups(entry->pw_name, entry->pw_gid) != 0 || ::setgid(entry->pw_gid) != 0 ||
        ::setuid(entry->pw_uid) != 0)
      ::_exit(EPERM);
    ::_exit(::access(path.c_str(), mode) == 0 ? 0 : errno);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 0;
  return WEXITSTATUS(status);
}

// Root reads the file at the start, the server's user at a reload.
void Access::check_readable(const std::string& option, const fs::path& file) {
  if (file.empty() || ::access(file.c_str(), R_OK) != 0) return;  // reported where it is used
  const int why = access_of_server(file, R_OK);
  if (why != 0)
    problems_.warning(option, file.string() + ": " + user() +
                                  " may not read it, so that every reload will be refused (" +
                                  reason(why) + "); make it readable by a group of that user");
}

void Access::check_writable(const std::string& option, const fs::path& folder) {
  const int why = access_of_server(folder, W_OK | X_OK);
  if (why != 0)
    problems_.error(option, user() + " may not write in " + folder.string() + " (" + reason(why) +
                                "); change its owner, or choose another folder");
}

// Root makes the folder where it is missing, and gives an empty one to the server's user.
void Access::check_data() {
  std::error_code error;
  const auto folder = fs::absolute(settings_.server.data, error).lexically_normal();
  if (error)
    return problems_.error("server.data", "its folder cannot be found: " + reason(error.value()) +
                                              "; give the absolute path");
  auto nearest = folder;
  struct stat facts {};
  while (::stat(nearest.c_str(), &facts) != 0 && nearest.has_relative_path())
    nearest = nearest.parent_path();
  if (!S_ISDIR(facts.st_mode))
    return problems_.error("server.data", nearest.string() + " is not a folder");
  const bool is_given_away = nearest != folder || fs::is_empty(folder, error);
  if (::geteuid() != 0 || !is_given_away) {
    check_writable("server.data", nearest);
  } else if (const int refusal = make_folder_in(nearest); refusal != 0) {
    problems_.error("server.data", "no folder can be created in " + nearest.string() +
                                       ", even by root (" + reason(refusal) +
                                       "); choose another folder");
  } else {
    const auto above = nearest == folder ? folder.parent_path() : nearest;
    if (const int why = access_of_server(above, X_OK); why != 0)
      problems_.error("server.data", user() + " cannot reach folders in " + above.string() + " (" +
                                         reason(why) + "); choose another folder");
  }
  if (nearest != folder) return;
  for (const auto* part : {"spool", "mail"}) {
    if (fs::is_directory(folder / part, error)) check_writable("server.data", folder / part);
  }
  // The journals of a server that ran as another user: "spool", and "spool-2" after a take-over.
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const auto lock = at->path() / "lock";
    std::error_code none;
    if (at->path().filename().string().starts_with("spool") && fs::exists(lock, none))
      check_file("server.data", lock);
  }
}

void Access::check_file(const std::string& option, const fs::path& file) {
  const int why = access_of_server(file, R_OK | W_OK);
  if (why != 0)
    problems_.error(option, user() + " may not write " + file.string() + " (" + reason(why) +
                                "); change its owner, or choose another");
}

void Access::check_log() {
  if (settings_.log.file.empty() || settings_.log.format == LogFormat::none) return;
  std::error_code error;
  const auto file = fs::absolute(settings_.log.file, error);
  if (error)
    return problems_.error("log.file", "its folder cannot be found: " + reason(error.value()) +
                                           "; give the absolute path");
  const auto folder = file.parent_path();
  if (fs::is_directory(file, error))
    return problems_.error("log.file", file.string() + " is a folder; name a file");
  if (fs::exists(file, error)) return check_file("log.file", file);
  if (!fs::exists(folder, error))
    return problems_.error("log.file", "the folder " + folder.string() +
                                           " does not exist; create it for the server's user");
  if (!fs::is_directory(folder, error))
    return problems_.error("log.file", folder.string() + " is not a folder");
  check_writable("log.file", folder);
}

}  // namespace

void check_access(const Settings& settings, const std::string& file, Problems& problems) {
  Access access(settings, problems);
  access.check_readable("", file);
  access.check_readable("server.users", settings.server.users);
  std::set<fs::path> seen;
  for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
    const auto& listener = settings.listeners[i];
    if (listener.tls == smtp::TlsMode::none) continue;
    for (const auto& [option, path] :
         {std::pair{"certificate", &listener.certificate}, std::pair{"key", &listener.key},
          std::pair{"client_ca", &listener.client_ca}}) {
      if (seen.insert(*path).second) access.check_readable(listener_option(i, option), *path);
    }
  }
  access.check_data();
  access.check_log();
}

}  // namespace postroad::daemon

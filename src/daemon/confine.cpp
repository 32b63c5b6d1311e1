// Privileges and Landlock; see confine.hpp.
#include "daemon/confine.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/descriptor.hpp"

namespace postroad::daemon {

namespace {

std::string reason() { return std::generic_category().message(errno); }

constexpr std::uint64_t bit(unsigned n) { return std::uint64_t{1} << n; }
constexpr std::uint64_t truncate_right =
    bit(14);  // of Linux 6.2; older headers have no name for it

// The rights that change something. Reading is not restricted.
constexpr std::uint64_t changes =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;

Result<void> allow(const Descriptor& ruleset, const std::filesystem::path& folder,
                   std::uint64_t rights) {
  const Descriptor opened(::open(folder.c_str(), O_PATH | O_CLOEXEC));
  if (!opened) return fail(Fault::io, folder.string(), "cannot be opened: " + reason());
  landlock_path_beneath_attr beneath{};
  beneath.allowed_access = rights;
  beneath.parent_fd = opened.get();
  const auto added =
      ::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
  if (added != 0) return fail(Fault::io, folder.string(), "Landlock refuses a rule: " + reason());
  return {};
}

}  // namespace

Result<void> become(const std::string& user, const std::filesystem::path& data) {
  if (user.empty()) return {};
  errno = 0;
  const auto* entry = ::getpwnam(user.c_str());
  if (entry == nullptr)
    return fail(Fault::input, "server.user", "there is no user '" + user + "' on this machine");
  if (::geteuid() == entry->pw_uid) return {};
  if (::geteuid() != 0)
    return fail(Fault::io, "server.user",
                "only root can become '" + user + "'; start as root, or as that user");
  std::error_code error;
  if (std::filesystem::is_empty(data, error) && !error &&
      ::chown(data.c_str(), entry->pw_uid, entry->pw_gid) != 0)
    return fail(Fault::io, data.string(), "cannot be given to '" + user + "': " + reason());
  if (::initgroups(user.c_str(), entry->pw_gid) != 0 || ::setgid(entry->pw_gid) != 0 ||
      ::setuid(entry->pw_uid) != 0)
    return fail(Fault::io, "server.user", "cannot become '" + user + "': " + reason());
  if (::setuid(0) == 0)
    return fail(
        Fault::io, "server.user",
        "root privileges could be regained after setuid; the server does not run on such a system");
  return {};
}

Result<std::string> confine(const std::vector<std::filesystem::path>& writable,
                            const std::vector<std::filesystem::path>& runnable) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return fail(Fault::io, "server.sandbox", "no_new_privs is refused: " + reason());
  const auto version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return "this kernel has no Landlock: " + reason();
  // The first version denies every rename from one folder to another, which Maildir needs.
  if (version < 2) return std::string("this kernel's Landlock cannot move files between folders");
  const auto writes = changes | (version >= 3 ? truncate_right : 0);
  landlock_ruleset_attr rules{};
  rules.handled_access_fs = writes | LANDLOCK_ACCESS_FS_EXECUTE;
  const Descriptor ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0)));
  if (!ruleset) return "Landlock is refused: " + reason();
  Result<void> done;
  for (const auto& folder : writable) {
    if (done) done = allow(ruleset, folder, writes);
  }
  for (const auto& folder : runnable) {
    if (done && std::filesystem::exists(folder))
      done = allow(ruleset, folder, LANDLOCK_ACCESS_FS_EXECUTE);
  }
  if (done) done = allow(ruleset, "/dev", LANDLOCK_ACCESS_FS_WRITE_FILE);
  if (done && ::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    done = fail(Fault::io, "server.sandbox", "Landlock cannot be entered: " + reason());
  if (!done) return done.error();
  return std::string();
}

}  // namespace postroad::daemon

// The users' file; see users.hpp.
#include "server/users.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "base/descriptor.hpp"
#include "base/text.hpp"
#include "crypto/digest.hpp"
#include "crypto/hmac_md5.hpp"
#include "proto/sasl/prepare.hpp"

namespace postroad::server {

namespace {

using crypto::Digest;
using sasl::ScramKeys;

constexpr std::size_t salt_bytes = 16;
constexpr std::uint32_t max_iterations =
    1'000'000;  // a typing error must not make every login take minutes

// iterations ":" salt "$" StoredKey ":" ServerKey
std::optional<ScramKeys> parse_scram(std::string_view text, Digest digest) {
  const auto parts = split(text, '$');
  if (parts.size() != 2) return std::nullopt;
  const auto cost = split(parts[0], ':');
  const auto keys = split(parts[1], ':');
  if (cost.size() != 2 || keys.size() != 2) return std::nullopt;
  const auto iterations = parse_number(cost[0]);
  const auto salt = base64_decode(cost[1]);
  const auto stored = base64_decode(keys[0]);
  const auto server = base64_decode(keys[1]);
  if (!iterations || *iterations == 0 || *iterations > max_iterations || !salt || salt->empty() ||
      !stored || stored->size() != crypto::size_of(digest) || !server ||
      server->size() != crypto::size_of(digest))
    return std::nullopt;
  return ScramKeys{static_cast<std::uint32_t>(*iterations), *salt, *stored, *server};
}

std::string format_scram(const ScramKeys& keys) {
  return std::to_string(keys.iterations) + ':' + base64_encode(keys.salt) + '$' +
         base64_encode(keys.stored_key) + ':' + base64_encode(keys.server_key);
}

constexpr std::size_t cram_key_size = 32;
constexpr std::string_view sha_256 = "SCRAM-SHA-256";
constexpr std::string_view sha_1 = "SCRAM-SHA-1";
constexpr std::string_view cram = "CRAM-MD5";
constexpr std::string_view decoys = "# decoys ";

// The mechanism whose keys are used: a -PLUS mechanism has those of its base.
std::string_view without_plus(std::string_view mechanism) {
  constexpr std::string_view plus = "-PLUS";
  if (mechanism.ends_with(plus)) mechanism.remove_suffix(plus.size());
  return mechanism;
}

}  // namespace

Result<Users> Users::load(const std::string& path) {
  struct stat facts {};
  std::ifstream file(path);
  if (!file || ::stat(path.c_str(), &facts) != 0) {
    return fail(Fault::io, path,
                std::string("cannot read the users: ") + std::strerror(errno) +
                    "; `postroad user add NAME --file " + path + "` creates the file");
  }
  if (S_ISDIR(facts.st_mode)) return fail(Fault::io, path, "is a folder; name a file");
  if ((facts.st_mode & 077) != 0) {
    return fail(Fault::data, path,
                "other users of this machine may read the keys; run chmod 600 on it");
  }
  Users users;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.starts_with(decoys)) {
      auto secret = base64_decode(std::string_view(line).substr(decoys.size()));
      if (secret && !secret->empty()) users.decoy_ = std::move(*secret);
    }
    if (line.empty() || line.front() == '#') continue;
    if (!users.take_line(line)) {
      return fail(
          Fault::data, path + ':' + std::to_string(number),
          "not a user: the form is name:SCRAM-SHA-256$iterations:salt$stored-key:server-key");
    }
  }
  for (const auto& [name, user] : users.keys_) {
    if (user.scram_sha_256.stored_key.empty())
      return fail(Fault::data, path,
                  std::string(name)
                      .append(" has no SCRAM-SHA-256 keys; `postroad user add ")
                      .append(printable(name))
                      .append(" --file ")
                      .append(path)
                      .append("` gives them"));
  }
  return users;
}

bool Users::take_line(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto dollar = line.find('$', colon);
  if (dollar == std::string_view::npos) return false;
  const auto kind = line.substr(colon + 1, dollar - colon - 1);
  const auto value = line.substr(dollar + 1);
  if (kind == sha_256) {
    auto keys = parse_scram(value, Digest::sha256);
    if (!keys) return false;
    keys_[std::string(line.substr(0, colon))].scram_sha_256 = std::move(*keys);
  } else if (kind == sha_1) {
    auto keys = parse_scram(value, Digest::sha1);
    if (!keys) return false;
    keys_[std::string(line.substr(0, colon))].scram_sha_1 = std::move(keys);
  } else if (kind == cram) {
    auto key = base64_decode(value);
    if (!key || key->size() != cram_key_size) return false;
    keys_[std::string(line.substr(0, colon))].cram_md5 = std::move(*key);
  } else {
    return false;
  }
  return true;
}

sasl::Keys Users::keys(std::string_view name, std::string_view mechanism) const {
  const auto kind = without_plus(mechanism);
  const auto found = keys_.find(name);
  const auto* user = found == keys_.end() ? nullptr : &found->second;
  // A client that asks twice for the same unknown name must see the same salt, and another one for
  // another mechanism, as with a known user.
  const auto made_up = [&](std::string_view what) {
    return crypto::hmac(Digest::sha256, decoy_,
                        ((std::string(what) += kind) += ' ') += std::string(name));
  };
  sasl::Keys keys;
  if (kind == cram) {
    keys.is_known = user != nullptr && !user->cram_md5.empty();
    keys.cram_md5 = keys.is_known ? user->cram_md5 : made_up("key ");
    return keys;
  }
  const auto* scram = user == nullptr     ? nullptr
                      : kind == sha_256   ? &user->scram_sha_256
                      : user->scram_sha_1 ? &*user->scram_sha_1
                                          : nullptr;
  keys.is_known = scram != nullptr;
  if (scram != nullptr) {
    keys.scram = *scram;
    return keys;
  }
  const auto digest = kind == sha_1 ? Digest::sha1 : Digest::sha256;
  keys.scram.salt = made_up("salt ").substr(0, salt_bytes);
  keys.scram.stored_key = made_up("key ").substr(0, crypto::size_of(digest));
  keys.scram.server_key = keys.scram.stored_key;
  return keys;
}

bool Users::serves(std::string_view mechanism) const {
  const auto kind = without_plus(mechanism);
  return std::any_of(keys_.begin(), keys_.end(), [&](const auto& entry) {
    if (kind == sha_1) return entry.second.scram_sha_1.has_value();
    if (kind == cram) return !entry.second.cram_md5.empty();
    return true;
  });
}

bool Users::check(std::string_view name, const Secret& password) const {
  // An unknown name costs as much as a known one.
  const auto expected = keys(name, sha_256);
  const auto derived = ScramKeys::derive(Digest::sha256, password.reveal(), expected.scram.salt,
                                         expected.scram.iterations);
  return crypto::equal_in_constant_time(derived.stored_key, expected.scram.stored_key) &&
         expected.is_known;
}

std::vector<std::string> Users::names() const {
  std::vector<std::string> names;
  for (const auto& [name, keys] : keys_) names.push_back(name);
  return names;
}

Result<void> Users::check_name(std::string_view name) {
  const bool bad = name.empty() || name.front() == '#' || !is_utf8(name) ||
                   std::any_of(name.begin(), name.end(),
                               [](char c) { return c == ':' || c == ' ' || is_control(c); });
  if (!bad) return {};
  return fail(
      Fault::input, printable(name, 80),
      "a user name may not contain a colon, a space or a control character, nor begin with #");
}

Result<void> Users::set(const std::string& name, const Secret& password, ExtraKeys extra) {
  if (auto right = check_name(name); !right) return right;
  if (password.empty()) return fail(Fault::input, name, "the password is empty");
  if (!sasl::prepare(password.reveal()))
    return fail(Fault::input, name,
                "the password cannot be used: " + std::string(sasl::reason_not_prepared()));
  const auto derive = [&](Digest digest) {
    return ScramKeys::derive(digest, password.reveal(), crypto::random_bytes(salt_bytes), 4096);
  };
  User user{derive(Digest::sha256), std::nullopt, {}};
  if (extra.scram_sha_1) user.scram_sha_1 = derive(Digest::sha1);
  if (extra.cram_md5) user.cram_md5 = crypto::hmac_md5_key(password.reveal());
  keys_[name] = std::move(user);
  return {};
}

namespace {

// Gives `file`, which will replace the one at `path`, its owner, group and mode. A new file that
// root makes gets the owner of its folder: the server, which is not root, must be able to read it.
Result<void> keep_owner(int file, const std::string& path) {
  struct stat facts {};
  const bool is_new = ::stat(path.c_str(), &facts) != 0;
  if (is_new) {
    const auto folder = std::filesystem::absolute(path).parent_path();
    if (::geteuid() != 0 || ::stat(folder.c_str(), &facts) != 0) return {};
  }
  struct stat own {};
  const bool is_theirs =
      ::fstat(file, &own) != 0 || own.st_uid != facts.st_uid || own.st_gid != facts.st_gid;
  if (is_theirs && ::fchown(file, facts.st_uid, facts.st_gid) != 0)
    return fail(Fault::io, path,
                std::string("cannot keep the owner of the file: ") + std::strerror(errno) +
                    "; run this as root or as the owner");
  if (!is_new && ::fchmod(file, facts.st_mode & 07777) != 0)
    return fail(Fault::io, path,
                std::string("cannot keep the mode of the file: ") + std::strerror(errno));
  return {};
}

Error failed(const std::string& path, const std::string& what) {
  return fail(Fault::io, path, what + ": " + std::strerror(errno));
}

Result<void> write_new(const std::string& next, const std::string& path, std::string_view text) {
  const Descriptor file(
      ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return failed(next, "cannot write the users");
  if (auto kept = keep_owner(file.get(), path); !kept) return kept;
  if (!write_all(file.get(), text) || ::fsync(file.get()) != 0)
    return failed(next, "cannot write the users");
  if (::rename(next.c_str(), path.c_str()) != 0)
    return failed(path, "cannot put the new users in place");
  return {};
}

// Without it a crash of the machine could bring the old file back.
Result<void> sync_folder_of(const std::string& path) {
  const auto folder = std::filesystem::absolute(path).parent_path().string();
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0)
    return failed(folder, "cannot sync the folder of the users file " + path);
  return {};
}

}  // namespace

Result<void> Users::save(const std::string& path) const {
  std::string text = "# Users of Postroad: keys, no passwords. Changed by `postroad user`.\n";
  ((text += decoys) += base64_encode(decoy_)) += '\n';
  const auto add = [&](const std::string& name, std::string_view kind, const std::string& value) {
    ((((text += name) += ':') += kind) += '$') += value + '\n';
  };
  for (const auto& [name, user] : keys_) {
    add(name, sha_256, format_scram(user.scram_sha_256));
    if (user.scram_sha_1) add(name, sha_1, format_scram(*user.scram_sha_1));
    if (!user.cram_md5.empty()) add(name, cram, base64_encode(user.cram_md5));
  }
  const auto next = path + ".new";
  auto written = write_new(next, path, text);
  if (written) return sync_folder_of(path);
  ::unlink(next.c_str());
  return written;
}

Result<void> Users::change(const std::string& path,
                           const std::function<Result<void>(Users&)>& edit) {
  const auto folder = std::filesystem::path(path).parent_path().string();
  // A file of its own: the users' file is another one after each change.
  const auto name = path + ".lock";
  const Descriptor lock(::open(name.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock && errno == ENOENT && !folder.empty()) {
    return fail(Fault::io, path,
                "the folder " + folder + " does not exist; create it: mkdir -p " + folder);
  }
  if (!lock) return failed(name, "cannot lock the users");
  // The owner of the users' file must be able to lock it after root has.
  if (::geteuid() == 0) {
    if (auto kept = keep_owner(lock.get(), path); !kept) return kept;
  }
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return failed(name, "cannot lock the users");
  }
  auto users = std::filesystem::exists(path) ? load(path) : Result<Users>(Users{});
  if (!users) return users.error();
  if (auto edited = edit(*users); !edited) return edited;
  return users->save(path);
}

}  // namespace postroad::server

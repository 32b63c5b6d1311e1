// The users' file; see users.hpp.
#include "server/users.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "base/text.hpp"
#include "crypto/digest.hpp"

namespace postroad::server {

namespace {

constexpr std::uint32_t max_iterations =
    1'000'000;  // a typing slip must not make every login take minutes

std::optional<ScramKeys> parse_keys(std::string_view text) {
  const auto parts = split(text, '$');
  if (parts.size() != 3 || parts[0] != "SCRAM-SHA-256") return std::nullopt;
  const auto cost = split(parts[1], ':');
  const auto keys = split(parts[2], ':');
  if (cost.size() != 2 || keys.size() != 2) return std::nullopt;
  const auto iterations = parse_number(cost[0]);
  const auto salt = base64_decode(cost[1]);
  const auto stored = base64_decode(keys[0]);
  const auto server = base64_decode(keys[1]);
  if (!iterations || *iterations == 0 || *iterations > max_iterations || !salt || !stored ||
      !server)
    return std::nullopt;
  return ScramKeys{static_cast<std::uint32_t>(*iterations), *salt, *stored, *server};
}

std::string format_keys(const ScramKeys& keys) {
  return "SCRAM-SHA-256$" + std::to_string(keys.iterations) + ':' + base64_encode(keys.salt) + '$' +
         base64_encode(keys.stored_key) + ':' + base64_encode(keys.server_key);
}

}  // namespace

ScramKeys ScramKeys::derive(std::string_view password, std::string salt, std::uint32_t iterations) {
  const auto salted = crypto::pbkdf2_sha256(password, salt, iterations);
  return {iterations, std::move(salt), crypto::sha256(crypto::hmac_sha256(salted, "Client Key")),
          crypto::hmac_sha256(salted, "Server Key")};
}

Result<Users> Users::load(const std::string& path) {
  struct stat facts {};
  std::ifstream file(path);
  if (!file || ::stat(path.c_str(), &facts) != 0) {
    return fail(Fault::io, path,
                std::string("cannot read the users: ") + std::strerror(errno) +
                    "; `postroad user add` makes the file");
  }
  if ((facts.st_mode & 077) != 0) {
    return fail(Fault::input, path, "others may read the users' keys; chmod 600 it");
  }
  Users users;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    const auto colon = line.find(':');
    auto keys = colon == std::string::npos ? std::nullopt
                                           : parse_keys(std::string_view(line).substr(colon + 1));
    if (!keys || colon == 0) {
      return fail(
          Fault::input, path + ':' + std::to_string(number),
          "not a user: the form is name:SCRAM-SHA-256$iterations:salt$stored-key:server-key");
    }
    users.keys_[line.substr(0, colon)] = std::move(*keys);
  }
  return users;
}

bool Users::check(std::string_view name, const Secret& password) const {
  const auto found = keys_.find(name);
  const bool known = found != keys_.end();
  // A name that does not exist costs as much as one that does.
  const auto& salt = known ? found->second.salt : decoy_salt_;
  const auto derived = ScramKeys::derive(password.reveal(), salt,
                                         known ? found->second.iterations : ScramKeys{}.iterations);
  const auto& expected = known ? found->second.stored_key : decoy_salt_;
  return crypto::equal_in_constant_time(derived.stored_key, expected) && known;
}

std::vector<std::string> Users::names() const {
  std::vector<std::string> names;
  for (const auto& [name, keys] : keys_) names.push_back(name);
  return names;
}

Result<void> Users::set(const std::string& name, const Secret& password) {
  const bool bad = name.empty() || name.front() == '#' || !is_utf8(name) ||
                   std::any_of(name.begin(), name.end(),
                               [](char c) { return c == ':' || c == ' ' || is_control(c); });
  if (bad)
    return fail(
        Fault::input, printable(name, 80),
        "a user's name has no colon, blank or control character, and does not begin with #");
  if (password.empty()) return fail(Fault::input, name, "the password is empty");
  keys_[name] = ScramKeys::derive(password.reveal(), crypto::random_octets(16), 4096);
  return {};
}

Result<void> Users::save(const std::string& path) const {
  std::string text =
      "# Users of Postroad: SCRAM-SHA-256 keys, no passwords. Changed by `postroad user`.\n";
  for (const auto& [name, keys] : keys_) text += name + ':' + format_keys(keys) + '\n';
  const auto next = path + ".new";
  const int file =
      ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0)
    return fail(Fault::io, next, std::string("cannot write the users: ") + std::strerror(errno));
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file) == 0;
  const int code = errno;
  ::close(file);
  if (!written)
    return fail(Fault::io, next, std::string("cannot write the users: ") + std::strerror(code));
  if (::rename(next.c_str(), path.c_str()) != 0) {
    return fail(Fault::io, path,
                std::string("cannot put the new users in place: ") + std::strerror(errno));
  }
  return {};
}

}  // namespace postroad::server

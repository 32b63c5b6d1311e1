// Secret: wiping, and reading from the environment and from files.
#include <postroad/secret.hpp>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

namespace postroad {

void Secret::wipe() noexcept {
  volatile char* at = value_.data();
  for (std::size_t i = 0; i < value_.size(); ++i) at[i] = 0;
  value_.clear();
}

// NOLINTNEXTLINE(performance-move-constructor-init): the copy is the point
Secret::Secret(Secret&& other) noexcept : value_(other.value_), origin_(std::move(other.origin_)) {
  other.wipe();  // a short string is copied by a move, and would stay behind
}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    value_ = other.value_;
    origin_ = other.origin_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_ = other.value_;
    origin_ = std::move(other.origin_);
    other.wipe();
  }
  return *this;
}

Secret::~Secret() { wipe(); }

Secret Secret::from_env(const char* name) {
  const char* value = std::getenv(name);
  Secret secret(value != nullptr ? std::string(value) : std::string());
  secret.origin_ = std::string("environment variable ") + name;
  return secret;
}

Result<Secret> Secret::from_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::string line;
  if (!file || (!std::getline(file, line) && !file.eof())) {
    const auto why =
        errno == 0 ? std::string("input error") : std::generic_category().message(errno);
    return fail(Fault::io, path,
                "the password file cannot be read: " + why + "; name a file that may be read");
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.empty())
    return fail(Fault::data, path, "the password file is empty; its first line is the password");
  Secret secret(std::move(line));
  secret.origin_ = "file " + path;
  return secret;
}

bool operator==(const Secret& a, const Secret& b) noexcept {
  unsigned difference = a.value_.size() == b.value_.size() ? 0U : 1U;
  for (std::size_t i = 0; i < a.value_.size(); ++i) {
    const char other = b.value_.empty() ? '\0' : b.value_[i % b.value_.size()];
    difference |= static_cast<unsigned char>(a.value_[i] ^ other);
  }
  return difference == 0;
}

}  // namespace postroad

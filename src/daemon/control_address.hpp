// The address of the control socket: internal to its two ends.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <filesystem>
#include <postroad/error.hpp>
#include <string>
#include <system_error>

#include "base/descriptor.hpp"

namespace postroad::daemon {

/// Bytes of a request, with its line end: a queue command names many messages.
constexpr std::size_t longest_request = 1 << 20;

// A Unix address holds 107 bytes; the path through the descriptor of the folder is short, however
// long the path of the folder is.
class ControlAddress {
 public:
  explicit ControlAddress(const std::filesystem::path& data)
      : folder_(::open(data.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
        path_("/proc/self/fd/" + std::to_string(folder_.get()) + "/control.sock") {}
  [[nodiscard]] bool is_there() const { return bool{folder_}; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Descriptor folder_;
  std::string path_;
};

/// With the text of errno.
inline Error control_error(const std::string& what) {
  return fail(Fault::io, "control.sock", what + ": " + std::generic_category().message(errno));
}

}  // namespace postroad::daemon

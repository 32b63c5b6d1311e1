// Flags of descriptors; see descriptor.hpp.
#include "net/descriptor.hpp"

#include <fcntl.h>

namespace postroad::net {

bool close_on_exec(int descriptor) {
  const int flags = ::fcntl(descriptor, F_GETFD);
  return flags >= 0 && ::fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) == 0;
}

}  // namespace postroad::net

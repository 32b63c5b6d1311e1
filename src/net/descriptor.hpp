// Descriptors that Asio does not open as this program needs them.
#pragma once

namespace postroad::net {

/// Asio opens sockets that a child process inherits; a program that outlives the server would hold
/// its ports. False: not a descriptor.
[[nodiscard]] bool close_on_exec(int descriptor);

}  // namespace postroad::net

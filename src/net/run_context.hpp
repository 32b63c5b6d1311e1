// The loop of a thread that runs coroutines of its own.
#pragma once

#include <boost/asio/io_context.hpp>

namespace postroad::net {

/// Runs until the context is stopped or has no work. An exception of a handler, such as a lack of
/// memory, ends neither the loop nor the thread.
inline void run_context(boost::asio::io_context& context) {
  for (;;) {
    try {
      context.run();
      return;
    } catch (...) {
      continue;
    }
  }
}

}  // namespace postroad::net

// The coroutine driver: grants a machine's wishes over a stream and brings the facts back. It owns
// no time-out and no decision. One loop serves every machine; what only a kind of machine has (its
// handshake's side, its questions) comes from the Consultant:
//
//   bool answer_now(Machine&)               answers the question without waiting, or says no
//   awaitable<void> answer(Machine&)        answers it
//   awaitable<Result<TlsFacts>> handshake(Stream&, Time deadline)
#pragma once

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <span>

#include "net/stream.hpp"
#include "net/trace.hpp"
#include "proto/action.hpp"

namespace postroad::net {

struct DriveOptions {
  std::span<char> buffer;    ///< for reading; must outlive the drive
  Time until = Time::max();  ///< the whole's deadline, over every wish's own
  Trace* trace = nullptr;    ///< sees every octet that is no secret
};

template <class Machine, class Consultant>
awaitable<void> drive(Stream& stream, Machine& machine, Consultant& consultant,
                      DriveOptions options) {
  co_await asio::this_coro::throw_if_cancelled(false);
  for (;;) {
    const auto action = machine.next(proto::Clock::now());
    const auto deadline = std::min(action.deadline, options.until);
    switch (action.wish) {
      case proto::Wish::send: {
        const auto count = co_await stream.write(action.bytes, deadline);
        if (count && options.trace != nullptr)
          options.trace->sent(action.bytes.substr(0, *count), action.secret);
        count ? machine.sent(*count) : machine.failed(count.error());
        break;
      }
      case proto::Wish::receive: {
        const auto count = co_await stream.read(options.buffer, deadline);
        if (!count) {
          machine.failed(count.error());
        } else if (*count == 0) {
          machine.closed();
        } else {
          const std::string_view bytes(options.buffer.data(), *count);
          if (options.trace != nullptr) options.trace->received(bytes, action.secret);
          machine.received(bytes);
        }
        break;
      }
      case proto::Wish::start_tls: {
        const auto facts = co_await consultant.handshake(stream, deadline);
        if (facts && options.trace != nullptr)
          options.trace->note("TLS " + facts->version + " " + facts->cipher);
        facts ? machine.tls_up(*facts) : machine.failed(facts.error());
        break;
      }
      case proto::Wish::consult:
        if (!consultant.answer_now(machine)) co_await consultant.answer(machine);
        break;
      case proto::Wish::done:
        co_return;
    }
  }
}

}  // namespace postroad::net

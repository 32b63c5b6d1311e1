// The coroutine driver: performs the actions of a machine over a stream and reports the results
// back. It owns no timeout and no decision. One loop serves every machine; the parts that differ
// between kinds of machine (the side of the handshake, the questions) come from the Consultant:
//
//   bool answer_now(Machine&)               answers the question without waiting; false: it must
//                                           wait
//   awaitable<void> answer(Machine&)        answers it
//   awaitable<Result<TlsFacts>> handshake(Channel&, Time deadline)
//
// A channel is a Stream, or a class with its read_now, write_now, readable, writable and
// may_hold_input, as the standard input and output of `sendmail -bs` are.
#pragma once

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/buffer_pool.hpp"
#include "net/session_trace.hpp"
#include "net/stream.hpp"
#include "proto/action.hpp"

namespace postroad::net {

constexpr unsigned most_turns = 64;  ///< reads of one connection before others run

struct DriveOptions {
  BufferPool* buffers = nullptr;  ///< for reading; must outlive the drive
  Time until = Time::max();       ///< overall deadline; each action has its own as well
  SessionTrace* trace = nullptr;  ///< sees all bytes; secrets are hidden
};

// A coroutine of its own, as are the functions below: their locals must not lie in the frame of
// every connection that waits.
template <class Channel, class Machine, class Consultant>
awaitable<void> start_tls(Channel& stream, Machine& machine, Consultant& consultant,
                          SessionTrace* trace, Time deadline) {
  const auto facts = co_await consultant.handshake(stream, deadline);
  if (facts && trace != nullptr) trace->note("TLS " + facts->version + " " + facts->cipher);
  facts ? machine.tls_up(*facts) : machine.failed(facts.error());
}

/// False: wait until the stream is writable.
template <class Channel, class Machine>
[[gnu::noinline]] bool send_now(Channel& stream, Machine& machine, const proto::Action& action,
                                SessionTrace* trace) {
  const auto count = stream.write_now(action.bytes);
  if (count && !*count) return false;
  if (count && trace != nullptr) trace->sent(action.bytes.substr(0, **count), action.secret);
  count ? machine.sent(**count) : machine.failed(count.error());
  return true;
}

/// False: wait until the stream is readable.
template <class Channel, class Machine>
[[gnu::noinline]] bool receive_now(Channel& stream, Machine& machine, std::span<char> buffer,
                                   const proto::Action& action, SessionTrace* trace) {
  const auto count = stream.read_now(buffer);
  if (count && !*count) return false;
  if (!count) {
    machine.failed(count.error());
  } else if (**count == 0) {
    machine.closed();
  } else {
    const std::string_view bytes(buffer.data(), **count);
    if (trace != nullptr) trace->received(bytes, action.secret);
    machine.received(bytes);
  }
  return true;
}

template <class Machine>
[[gnu::noinline]] void report_failed_wait(Machine& machine, Stream::Waited waited) {
  machine.failed(Stream::error_of(waited));
}

inline awaitable<void> yield_to_others() { co_await asio::post(asio::use_awaitable); }

template <class Channel, class Machine, class Consultant>
awaitable<void> drive(Channel& stream, Machine& machine, Consultant& consultant,
                      DriveOptions options) {
  co_await asio::this_coro::throw_if_cancelled(false);
  BufferPool::Buffer buffer;  // holds bytes that the machine has not processed
  bool has_sent = false;      // and the peer has not replied yet: there is nothing to read
  unsigned turns = 0;         // reads without a wait: a busy connection must yield to others
  for (;;) {
    const auto action = machine.next(proto::Clock::now());
    const auto deadline = std::min(action.deadline, options.until);
    auto waited = Stream::Waited::ready;
    switch (action.wish) {
      case proto::Wish::send:
        has_sent = send_now(stream, machine, action, options.trace);
        if (!has_sent) waited = co_await stream.writable(deadline);
        break;
      case proto::Wish::receive:
        if (std::exchange(has_sent, false) && !stream.may_hold_input()) {
          options.buffers->put(std::move(buffer));
          waited = co_await stream.readable(deadline);
          break;
        }
        if (!buffer) buffer = options.buffers->take();
        if (receive_now(stream, machine, *buffer, action, options.trace)) {
          if (++turns % most_turns == 0) co_await yield_to_others();
          break;
        }
        options.buffers->put(std::move(buffer));
        waited = co_await stream.readable(deadline);
        break;
      case proto::Wish::start_tls:
        co_await start_tls(stream, machine, consultant, options.trace, deadline);
        break;
      case proto::Wish::consult:
        if (consultant.answer_now(machine)) break;
        if (!machine.needs_input()) options.buffers->put(std::move(buffer));
        co_await consultant.answer(machine);
        break;
      case proto::Wish::done:
        options.buffers->put(std::move(buffer));
        co_return;
    }
    if (waited != Stream::Waited::ready) report_failed_wait(machine, waited);
  }
}

}  // namespace postroad::net

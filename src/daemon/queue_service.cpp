// See queue_service.hpp.
#include "daemon/queue_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.hpp"
#include "net/as_values.hpp"
#include "net/callback.hpp"

namespace postroad::daemon {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

constexpr std::chrono::seconds dns_patience{10};
constexpr std::size_t most_asked = 20;  // recipients of one message
constexpr std::size_t page_size = 100;  // messages: a few milliseconds of the loop

std::optional<queue::Request> request_of(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, queue::Request>, 4> words{
      {{"hold", queue::Request::hold},
       {"release", queue::Request::release},
       {"flush", queue::Request::flush},
       {"remove", queue::Request::remove}}};
  for (const auto& [name, request] : words) {
    if (name == word) return request;
  }
  return std::nullopt;
}

// Takes the first word off.
std::string_view take_word(std::string_view& text) {
  const auto end = std::min(text.find(' '), text.size());
  const auto word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

}  // namespace

// A message that cannot be read is listed with what is known of it.
std::optional<QueuedMessage> QueueService::read(spool::QueueId id, std::uint64_t size) const {
  auto envelope = spool_.envelope(id);
  if (!envelope && envelope.error().fault == Fault::not_found) return std::nullopt;
  QueuedMessage message{id, size, {}};
  if (envelope) {
    message.envelope = std::move(*envelope);
  } else {
    auto& one = message.envelope.recipients.emplace_back();
    one.address = "?";
    one.note = envelope.error().text();
  }
  return message;
}

// An export without recipients would be taken for the message.
std::string QueueService::why_unreadable(const QueueSelection& selection) const {
  for (const auto id : selection.ids) {
    const auto envelope = spool_.envelope(id);
    if (!envelope && envelope.error().fault != Fault::not_found) return envelope.error().text();
  }
  return {};
}

awaitable<std::string> QueueService::list(QueueSelection selection, Line line, Write write) {
  const auto executor = co_await asio::this_coro::executor;
  const auto view = view_();
  std::size_t count = 0;
  const auto text_of = [&](spool::QueueId id, std::uint64_t size) -> std::string {
    const auto message = read(id, size);
    if (!message || !selection.matches(message->envelope, view.wall, view.site_of)) return {};
    ++count;
    return line(*message);
  };
  if (!selection.ids.empty()) {
    for (const auto id : selection.ids) {
      const auto size = spool_.size(id);
      if (auto text = text_of(id, size ? *size : 0); !text.empty() && !co_await write(text))
        co_return std::string();
    }
    co_return ok_line(count);
  }
  for (auto page = spool_.list_after({}, page_size); !page.empty();
       page = spool_.list_after(page.back().id, page_size)) {
    std::string text;
    for (const auto& one : page) text += text_of(one.id, one.size);
    // An empty line says that the search goes on.
    if (text.empty()) text = "\n";
    if (!co_await write(std::move(text))) co_return std::string();
    co_await asio::post(executor, asio::use_awaitable);
  }
  co_return ok_line(count);
}

// For the first recipients that wait: many have one domain, whose answers the resolver keeps.
awaitable<RouteFacts> QueueService::ask_dns(const QueuedMessage& message) {
  struct Gathered {
    explicit Gathered(const asio::any_io_executor& executor) : bell(executor, dns_patience) {}
    RouteFacts facts;
    std::size_t left = 0;
    asio::steady_timer bell;
  };
  const auto executor = co_await asio::this_coro::executor;
  const auto gathered = std::make_shared<Gathered>(executor);
  const auto& recipients = message.envelope.recipients;
  const auto count = std::min(recipients.size(), most_asked);
  gathered->facts.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!is_waiting(recipients[i])) continue;
    gathered->facts[i] = {"dns: no answer within " + std::to_string(dns_patience.count()) + "s"};
    ++gathered->left;
    delivery_.explain(message.envelope, i, [executor, gathered, i](std::vector<std::string> facts) {
      asio::post(executor, [gathered, i, facts = std::move(facts)]() mutable {
        gathered->facts[i] = std::move(facts);
        if (--gathered->left == 0) gathered->bell.cancel();
      });
    });
  }
  if (gathered->left > 0) (void)co_await gathered->bell.async_wait(net::as_values);
  co_return gathered->facts;
}

awaitable<std::string> QueueService::why(QueueSelection selection, bool json, Write write) {
  std::size_t count = 0;
  for (const auto id : selection.ids) {
    const auto size = spool_.size(id);
    const auto message = read(id, size ? *size : 0);
    if (!message) continue;
    const auto whereabouts = co_await net::wait_for<queue::Whereabouts>(
        [&](auto resume) { delivery_.find(id, resume); });
    const auto facts = co_await ask_dns(*message);
    const auto view = view_();
    auto text = json ? why_json(*message, whereabouts, view, facts)
                     : why_text(*message, whereabouts, view, facts);
    if (!co_await write(std::move(text))) co_return std::string();
    ++count;
  }
  co_return ok_line(count);
}

// The size in a line, then the bytes.
awaitable<std::string> QueueService::show(QueueSelection selection, Write write) {
  if (selection.ids.size() != 1) co_return refused_line("show needs one queue id");
  const auto id = selection.ids.front();
  const auto size = spool_.size(id);
  if (!size) co_return ok_line(0);
  auto reader = spool_.read(id);
  if (!reader) co_return refused_line(reader.error().text());
  if (!co_await write("bytes " + std::to_string(*size) + '\n')) co_return std::string();
  for (;;) {
    const auto chunk = (*reader)->next();
    // The command gets fewer bytes than were announced, and an end.
    if (!chunk) throw ErrorException(chunk.error());
    if (chunk->empty()) break;
    if (!co_await write(std::string(*chunk))) co_return std::string();
  }
  co_return ok_line(1);
}

awaitable<std::string> QueueService::change(queue::Request what, QueueSelection selection) {
  if (selection.ids.empty()) co_return refused_line("a queue id is missing");
  const auto count = co_await net::wait_for<std::size_t>(
      [&](auto resume) { delivery_.request(what, std::move(selection.ids), resume); });
  co_return ok_line(count);
}

// Which of them a carrier has now.
awaitable<std::string> QueueService::attempted(QueueSelection selection, Write write) {
  std::size_t count = 0;
  for (const auto id : selection.ids) {
    const auto whereabouts = co_await net::wait_for<queue::Whereabouts>(
        [&](auto resume) { delivery_.find(id, resume); });
    if (whereabouts.place == queue::Whereabouts::Place::waiting) continue;
    if (!co_await write(id.text() + '\n')) co_return std::string();
    ++count;
  }
  co_return ok_line(count);
}

awaitable<std::string> QueueService::put(std::string words, ControlPeer peer) {
  std::string_view rest = words;
  const auto envelope_size = parse_number(take_word(rest));
  const auto size = parse_number(take_word(rest));
  if (!envelope_size || !size || *envelope_size > longest_export || *size > INT64_MAX)
    co_return refused_line("two sizes are missing");
  std::string json;
  while (json.size() < *envelope_size) {
    const auto bytes = co_await peer.read(*envelope_size - json.size());
    if (bytes.empty()) co_return std::string();
    json += bytes;
  }
  auto message = parse_export(json);
  if (!message) co_return refused_line(message.error().text());
  if (message->size != *size)
    co_return refused_line("the message has another size than its envelope says");
  if (rest != "keep")
    for (auto& one : message->envelope.recipients) one.is_held = rest == "hold";
  co_return co_await store(std::move(*message), std::move(peer));
}

// Nothing of it stays if the command goes away before its end.
awaitable<std::string> QueueService::store(ExportedMessage message, ControlPeer peer) {
  auto begun = spool_.room(message.size)
                   ? spool_.begin()
                   : Result<std::unique_ptr<spool::Incoming>>(spool_.room(message.size).error());
  if (!begun) co_return refused_line(begun.error().text());
  auto incoming = std::move(*begun);
  if (!co_await peer.write("go\n")) co_return std::string();
  for (auto left = message.size; left > 0;) {
    const auto bytes = co_await peer.read(left);
    if (bytes.empty()) co_return std::string();
    left -= bytes.size();
    (void)incoming->append(bytes);  // the commit reports a failure
    if (!incoming->ready())
      co_await net::wait_for<bool>(
          [&](auto resume) { incoming->when_ready([resume] { resume(true); }); });
  }
  const auto id = incoming->id();
  const auto kept = co_await net::wait_for<Result<void>>([&](auto resume) {
    incoming->commit(std::move(message.envelope),
                     [resume](Result<void> done) { resume(std::move(done)); });
  });
  if (!kept) co_return refused_line(kept.error().text());
  co_return id.text() + '\n' + ok_line(1);
}

QueueService::Line QueueService::line_of(std::string_view form) const {
  const auto view = view_();
  if (form == "json") return [view](const QueuedMessage& one) { return list_json(one, view); };
  if (form == "routes") return [view](const QueuedMessage& one) { return list_routes(one, view); };
  if (form == "postqueue") return list_postqueue;
  if (form == "mailq") return list_mailq;
  if (form == "export")
    return [](const QueuedMessage& one) { return export_json({one.id, one.size, one.envelope}); };
  if (form == "ids") return [](const QueuedMessage& one) { return one.id.text() + '\n'; };
  return [view](const QueuedMessage& one) { return list_text(one, view); };
}

awaitable<void> QueueService::answer(std::string request, ControlPeer peer) {
  std::string_view rest = request;
  const auto verb = take_word(rest);
  const bool has_form = verb == "list" || verb == "why";
  const auto form = has_form ? take_word(rest) : std::string_view();
  const auto& write = peer.write;
  std::string last;
  if (verb == "site") {
    last = co_await sites_.answer(rest, peer);
  } else if (verb == "policy") {
    last = co_await policies_.answer(std::string(rest), peer);
  } else if (verb == "tlsrpt") {
    last = co_await tlsrpt_.answer(std::string(rest), peer);
  } else if (verb == "put") {
    last = co_await put(std::string(rest), peer);
  } else if (auto selection = parse_selection(rest); !selection) {
    last = refused_line(selection.error().text());
  } else if (const auto unreadable = form == "export" ? why_unreadable(*selection) : std::string();
             !unreadable.empty()) {
    last = refused_line(unreadable);
  } else if (verb == "list") {
    last = co_await list(std::move(*selection), line_of(form), write);
  } else if (verb == "why") {
    last = co_await why(std::move(*selection), form == "json", write);
  } else if (verb == "show") {
    last = co_await show(std::move(*selection), write);
  } else if (verb == "attempted") {
    last = co_await attempted(std::move(*selection), write);
  } else if (const auto what = request_of(verb)) {
    last = co_await change(*what, std::move(*selection));
  } else {
    last = refused_line("unknown request");
  }
  if (!last.empty()) (void)co_await write(std::move(last));
}

}  // namespace postroad::daemon

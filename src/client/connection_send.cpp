// Sending a message over a Connection; see connection.hpp.
#include <algorithm>
#include <utility>

#include "client/connection.hpp"
#include "client/settings.hpp"

namespace postroad::client {

namespace {

// Marks the recipients from `from` on as deferred: nothing of the message was decided for them.
void defer(const Envelope& envelope, std::size_t from, const Error& why, SendReport& report) {
  for (; from < envelope.recipients.size(); ++from)
    report.recipients.push_back(
        {envelope.recipients[from], Outcome::deferred, why.stage, {0, {}, why.detail}});
}

// Some of the recipients, with their options.
Envelope part_of(const Envelope& envelope, std::size_t from, std::size_t count) {
  if (from == 0 && count >= envelope.recipients.size()) return envelope;
  Envelope part{envelope.reverse_path, {}, envelope.options, {}};
  for (auto i = from; i < std::min(from + count, envelope.recipients.size()); ++i) {
    part.recipients.push_back(envelope.recipients[i]);
    if (i < envelope.recipient_options.size()) {
      part.recipient_options.resize(i - from);
      part.recipient_options.push_back(envelope.recipient_options[i]);
    }
  }
  return part;
}

}  // namespace

// Why the next transaction of a message that needs several cannot begin. Rewinds the source.
std::optional<Error> Connection::find_split_error(std::size_t all, std::size_t done,
                                                  MessageSource& source) const {
  const auto most = machine_->capabilities().most_recipients;
  const bool splits = most != 0 && most < all;
  std::string why;
  if (splits && options_.recipient_policy == RecipientPolicy::all_or_none) {
    why = "several transactions cannot be all or none";
  } else if (done > 0 && !source.rewind()) {
    why = "this message can be read only once";
  } else {
    return std::nullopt;
  }
  auto error =
      fail(Fault::unsupported, server(),
           "the server takes " + std::to_string(most) + " recipients per message, and " + why);
  error.stage = Stage::rcpt;
  error.usable = is_open();
  return error;
}

// A server that announces a limit of recipients gets several transactions (RFC 9422 section 4.1).
awaitable<Result<SendReport>> Connection::send(Envelope envelope, MessageSource& source,
                                               Following following) {
  until_ = limit();
  following_ = nullptr;
  const bool is_announced = machine_ && machine_->has_announced();
  if (is_announced && announced_ != &source) {
    close();
    machine_->closed();
  }
  const auto opened = co_await ensure_open();
  if (!opened) co_return opened.error();
  SendReport whole;
  const auto all = envelope.recipients.size();
  do {
    const auto done = whole.recipients.size();
    if (auto error = find_split_error(all, done, source)) {
      if (done == 0) co_return *error;
      defer(envelope, done, *error, whole);
      break;
    }
    const auto most = machine_->capabilities().most_recipients;
    if (most == 0 || all - done <= most) following_ = std::exchange(following, nullptr);
    auto report = co_await send_part(part_of(envelope, done, most == 0 ? all : most), source);
    if (!report && done == 0) co_return report.error();
    if (!report) {
      defer(envelope, done, report.error(), whole);
      whole.broken = report.error();
      break;
    }
    whole.reply = std::move(report->reply);
    for (auto& one : report->recipients) whole.recipients.push_back(std::move(one));
    if (!report->broken) continue;
    defer(envelope, whole.recipients.size(), *report->broken, whole);
    whole.broken = std::move(report->broken);
  } while (whole.recipients.size() < all);
  if (!proxy_) whole.address = peer_;
  const auto& tls = machine_->tls();
  whole.tls = !tls ? "none"
                   : tls->version + ' ' + tls->cipher +
                         (!tls->verified ? " not verified"
                          : dane_        ? " verified by DANE"
                                         : " verified");
  for (auto& one : whole.recipients) {
    one.server = server();
    one.server_reports = machine_->capabilities().dsn;
  }
  co_return whole;
}

awaitable<Result<SendReport>> Connection::send_part(Envelope part, MessageSource& source) {
  // LIMITS' MAILMAX: the server would refuse the next message.
  const auto most = machine_->capabilities().most_messages;
  if (is_open() && most != 0 && machine_->messages() >= most) {
    const auto until = until_;
    (void)co_await quit();
    until_ = until;
  }
  const auto opened = co_await ensure_open();
  if (!opened) co_return opened.error();
  const auto request = [&] {
    source.offered(offer());
    return smtp::MailRequest{.envelope = part,
                             .size = source.size(),
                             .is_8bit = source.is_8bit(),
                             .is_binary = source.is_binary(),
                             .needs_utf8 = source.needs_utf8()};
  };
  const bool reused = std::exchange(used_, true);
  const bool was_announced = machine_->has_announced();
  machine_->send(was_announced ? smtp::MailRequest() : request());
  co_await drive(&source);
  // The server had closed the idle connection, or replies 421 before any message data: it took
  // nothing of this message, and a new connection carries it.
  if (reused && is_stale(was_announced)) {
    is_out_of_step_ =
        was_announced && machine_->error() && machine_->error()->fault == Fault::protocol;
    const auto again = co_await dial();
    if (!again) co_return again.error();
    used_ = true;
    machine_->send(request());
    co_await drive(&source);
  }
  co_return judge(machine_->error(), machine_->report());
}

// An exception of the next source meets that message when it is sent.
void Connection::announce_next() {
  const auto following = std::exchange(following_, nullptr);
  const auto& caps = machine_->capabilities();
  const bool has_room = caps.most_messages == 0 || machine_->messages() < caps.most_messages;
  if (!following || !has_room || is_out_of_step_ || !machine_->may_announce()) return;
  const auto next = following();
  const bool is_split =
      next && caps.most_recipients != 0 && next->envelope.recipients.size() > caps.most_recipients;
  if (!next || is_split) return;
  try {
    auto& source = *next->source;
    source.offered(offer());
    const bool is_announced = machine_->announce({.envelope = next->envelope,
                                                  .size = source.size(),
                                                  .is_8bit = source.is_8bit(),
                                                  .is_binary = source.is_binary(),
                                                  .needs_utf8 = source.needs_utf8()});
    if (is_announced) announced_ = &source;
  } catch (...) {
  }
}

// Binary MIME only when chunks are preferred: a server that accepts it must convert the message, or
// refuse it, where the next server does not accept it.
ServerOffer Connection::offer() const {
  const auto& caps = machine_->capabilities();
  return {.eight_bit = caps.eight_bit_mime,
          .binary = caps.chunking && caps.binary_mime && options_.chunking == Chunking::preferred};
}

// A message whose commands went out behind another one: a server that sends a reply too many is out
// of step with them, and none of its data was sent.
bool Connection::is_stale(bool was_announced) const {
  const auto& error = machine_->error();
  if (error && was_announced && error->fault == Fault::protocol) return error->stage < Stage::bdat;
  if (error) return error->fault == Fault::closed && error->stage == Stage::mail;
  const auto& recipients = machine_->report().recipients;
  return !recipients.empty() &&
         std::all_of(recipients.begin(), recipients.end(), [](const RecipientOutcome& one) {
           return one.reply.code == 421 && (one.stage == Stage::mail || one.stage == Stage::rcpt);
         });
}

}  // namespace postroad::client

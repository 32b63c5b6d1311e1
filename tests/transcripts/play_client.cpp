// The client machine against a transcript: S lines are its input, C lines its expected output.
#include <algorithm>
#include <stdexcept>

#include "play.hpp"
#include "proto/smtp/mail_parameters.hpp"

namespace postroad::transcripts {

namespace {

using Kind = Turn::Kind;
using proto::Wish;

struct ClientPlay {
  ClientPlay(const Transcript& s, Chunking c, FaultAt f)
      : script(s), chunking(c), fault(f), machine(client_options(s)) {}

  Played run();
  void drive();
  void grant(const proto::Action& action);
  void feed();
  void give_body();
  void check_order();
  void keep_results();

  const Transcript& script;
  Chunking chunking;
  FaultAt fault;
  smtp::ClientMachine machine;
  std::string said;
  std::size_t turn = 0;
  std::string group;
  std::size_t fed = 0;
  std::string chunk;
  Operation operation;
  std::size_t text_at = 0;
  std::size_t step = 0;
  bool faulted = false;
  bool ended = true;
  std::optional<Error> error;  // the first error of any operation
  SendReport report;           // of the last mail
  std::string problem;
  proto::Time now{std::chrono::hours(1)};
};

void ClientPlay::feed() {
  if (faulted) return machine.closed();
  if (fed == group.size()) {
    group.clear();
    fed = 0;
    while (turn < script.turns.size() &&
           (script.turns[turn].kind == Kind::client || script.turns[turn].kind == Kind::tls))
      ++turn;
    check_order();
    while (turn < script.turns.size() && script.turns[turn].kind == Kind::server)
      group += script.turns[turn++].bytes;
    if (group.empty()) {
      const bool timeout = turn < script.turns.size() && script.turns[turn].kind == Kind::timeout;
      if (turn < script.turns.size() && script.turns[turn].kind != Kind::perform) ++turn;
      return timeout ? machine.failed(fail(Fault::timeout, {}, "time")) : machine.closed();
    }
  }
  chunk = group.substr(fed, piece_size(group, fed, chunking));
  fed += chunk.size();
  machine.received(chunk);
}

// A client that waits has sent all lines before this turn, and none after it.
void ClientPlay::check_order() {
  const auto all = bytes_of(script, Kind::client, turn);
  if (fault.failure != Failure::none || !problem.empty() || matches(all, said)) return;
  problem = "before turn " + std::to_string(turn) + " the client had said\n" + said +
            "in place of\n" + all;
}

void ClientPlay::give_body() {
  const std::string_view text = operation.text;
  if (text_at == text.size()) {
    if (operation.unreadable)
      return machine.body_failed(fail(Fault::io, "attachment", "cannot be read"));
    return machine.body_end();
  }
  const auto count = body_piece(operation, text_at, chunking);
  machine.body(text.substr(text_at, count));
  text_at += count;
}

void ClientPlay::grant(const proto::Action& action) {
  switch (action.wish) {
    case Wish::send: {
      const auto count = chunking == Chunking::by_byte ? std::size_t{1} : action.bytes.size();
      said += action.bytes.substr(0, count);
      return machine.sent(count);
    }
    case Wish::receive:
      return feed();
    case Wish::start_tls:
      // Plaintext that the machine has not seen would be read by the handshake.
      if (fed < group.size()) return machine.failed(fail(Fault::tls, {}, "not a handshake"));
      return machine.tls_up({"TLSv1.3", "test", true, {"exporter", "end point"}, {}});
    case Wish::consult:
      return give_body();
    case Wish::done:
      return;
  }
}

void ClientPlay::drive() {
  const std::size_t bound = step + 500'000;
  for (ended = false; step < bound;) {
    const auto action = machine.next(now);
    if (action.wish == Wish::done) {
      ended = true;
      return;
    }
    if (fault.failure != Failure::none && step >= fault.step && !faulted &&
        action.wish != Wish::consult) {
      faulted = true;
      break_line(machine, fault.failure);
    } else {
      grant(action);
    }
    ++step;
  }
}

void ClientPlay::keep_results() {
  if (machine.error() && !error) error = machine.error();
  if (!machine.report().recipients.empty()) report = machine.report();
}

std::string check(const Word& word, const ClientFacts& facts) {
  const auto& [machine, error, report, said, faulted] = facts;
  const auto words = words_of(word.text);
  const auto wrong = [&](const std::string& is) {
    return "line " + std::to_string(word.line) + ": " + word.text + ", but it is " + is;
  };
  const auto& what = words.at(0);
  if (what == "outcome") {
    for (const auto& recipient : report.recipients) {
      if (recipient.address.text() != words.at(1)) continue;
      const auto is = std::string(to_string(recipient.outcome)) + ' ' +
                      std::to_string(recipient.reply.code) + ' ' +
                      std::string(to_string(recipient.stage));
      std::string asked = words.at(2) + (words.size() > 3 ? ' ' + words[3] : "");
      for (std::size_t i = 4; i < words.size(); ++i) asked += ' ' + words[i];
      if (!is.starts_with(asked)) return wrong(is);
      return {};
    }
    return wrong("not in the report");
  }
  if (what == "error") {
    const auto is = error ? std::string(to_string(error->fault)) + ' ' + error->text() : "none";
    if (!matches(word.text.substr(6), is)) return wrong(is);
  }
  if (what == "usable" && machine.is_usable() != (words.at(1) == "yes"))
    return wrong(machine.is_usable() ? "yes" : "no");
  if (what == "delivered" && error && error->may_have_been_delivered != (words.at(1) == "maybe"))
    return wrong("the other");
  if (what == "reply" && !matches(word.text.substr(6), machine.reply().one_line()))
    return wrong(machine.reply().one_line());
  return {};
}

Played ClientPlay::run() {
  bool performed = false;
  for (const auto& one : script.turns) {
    if (one.kind != Kind::perform) continue;
    if (performed && !machine.is_usable() && !script.expectations.empty() && error) break;
    performed = true;
    turn = static_cast<std::size_t>(&one - script.turns.data()) + 1;
    operation = read_operation(one.bytes);
    text_at = 0;
    begin(machine, operation);
    drive();
    keep_results();
    if (faulted || !ended) break;
  }
  Played played{{}, step, ended};
  const ClientFacts facts{machine, error, report, said, faulted};
  played.problem = check_outcomes(facts);
  if (fault.failure != Failure::none || !played.problem.empty()) return played;
  played.problem = problem;
  if (!played.problem.empty()) return played;
  if (const auto all = bytes_of(script, Kind::client, script.turns.size()); !matches(all, said))
    played.problem = "the client said\n" + said + "in place of\n" + all;
  if (played.problem.empty()) played.problem = check_expectations(script, facts);
  return played;
}

Mailbox mailbox_of(const std::string& word) {
  const auto at = word.rfind('@');
  const auto parsed = Mailbox::parse(word);
  // Malformed addresses are given to the machine, which must refuse them.
  return parsed ? *parsed
                : Mailbox{word.substr(0, at), at == std::string::npos ? "" : word.substr(at + 1)};
}

// `asks:RET=FULL` for the message, `asks:2:NOTIFY=NEVER` for the second recipient, in the syntax of
// SMTP.
void ask(std::string_view text, Envelope& envelope) {
  const bool for_one = text.size() > 2 && text[0] >= '1' && text[0] <= '9' && text[1] == ':';
  const auto index = for_one ? static_cast<std::size_t>(text[0] - '1') : 0;
  if (for_one) text.remove_prefix(2);
  const auto equals = text.find('=');
  smtp::Parameter parameter{text.substr(0, equals), std::nullopt};
  if (equals != std::string_view::npos) parameter.value = text.substr(equals + 1);
  auto& each = envelope.recipient_options;
  if (for_one && each.size() <= index) each.resize(index + 1);
  const auto taken = for_one
                         ? smtp::take_parameter(parameter, smtp::Offered::all(), each[index])
                         : smtp::take_parameter(parameter, smtp::Offered::all(), envelope.options);
  if (!taken.known || !taken.error.empty())
    throw std::runtime_error("asks: " + std::string(text) + ": " + taken.error);
}

}  // namespace

Operation read_operation(const std::string& what) {
  const auto words = words_of(what);
  Operation operation;
  operation.verb = words.at(0);
  if (operation.verb != "mail") {
    if (words.size() > 1) operation.argument = words[1];
    return operation;
  }
  auto& request = operation.request;
  if (words.at(1) != "<>") request.envelope.reverse_path = mailbox_of(words[1]);
  for (std::size_t i = 0, end = 0; end != std::string::npos; i = end + 1) {
    end = words.at(2).find(',', i);
    if (!words[2].empty())
      request.envelope.recipients.push_back(mailbox_of(words[2].substr(i, end - i)));
  }
  operation.text = words.at(3);
  for (std::size_t i = 4; i < words.size(); ++i) {
    if (words[i] == "8bit") request.is_8bit = true;
    if (words[i] == "utf8") request.needs_utf8 = true;
    if (words[i] == "binary") request.is_binary = true;
    if (words[i].starts_with("asks:")) ask(words[i].substr(5), request.envelope);
    if (words[i] == "size") request.size = operation.text.size();
    if (words[i] == "unreadable") operation.unreadable = true;
    if (words[i].starts_with("pieces:")) operation.piece = std::stoul(words[i].substr(7));
  }
  return operation;
}

std::size_t body_piece(const Operation& operation, std::size_t at, Chunking chunking) {
  const std::string_view text = operation.text;
  return operation.piece > 0 ? std::min(operation.piece, text.size() - at)
                             : piece_size(text, at, chunking);
}

void begin(smtp::ClientMachine& machine, const Operation& operation) {
  if (operation.verb == "open") return machine.open();
  if (operation.verb == "quit") return machine.quit();
  if (operation.verb == "mail") return machine.send(operation.request);
  machine.command(operation.verb, operation.argument);
}

// Holds after any failure: a recipient is accepted only by a 2yz to a whole message, and unknown
// only after the final dot or the last BDAT.
std::string check_outcomes(const ClientFacts& facts) {
  const auto& [machine, error, report, said, faulted] = facts;
  const bool dot_said = said.find("\r\n.\r\n") != std::string_view::npos ||
                        said.find(" LAST\r\n") != std::string_view::npos;
  for (const auto& recipient : report.recipients) {
    if (recipient.outcome == Outcome::accepted && !recipient.reply.is_success())
      return "accepted without a 2yz";
    if (recipient.outcome == Outcome::accepted && !dot_said)
      return "accepted without the final dot";
    if (recipient.stage == Stage::none)
      return "a recipient without an outcome: " + recipient.address.text();
  }
  if (faulted && machine.is_usable()) return "the connection counts as usable after it broke";
  return {};
}

std::string check_expectations(const Transcript& script, const ClientFacts& facts) {
  for (const auto& word : script.expectations) {
    if (auto problem = check(word, facts); !problem.empty()) return problem;
  }
  return {};
}

Played play_client(const Transcript& script, Chunking chunking, FaultAt fault) {
  return ClientPlay(script, chunking, fault).run();
}

}  // namespace postroad::transcripts

// Which notifications are owed: a table of what senders ask for and what became of the recipients.
#include "queue/reports.hpp"

#include <gtest/gtest.h>

namespace postroad::queue {
namespace {

using Action = ReportedRecipient::Action;
using spool::State;
using namespace std::chrono_literals;

constexpr std::int64_t noon = 1'800'000'000'000;

struct Case {
  std::string name;
  State state = State::refused;
  std::string parameters;  // of RCPT
  std::string login;
  std::string host;
  std::chrono::milliseconds age{1min};
  std::uint32_t attempts = 1;
  std::string note;
  std::optional<Action> owed;
};

spool::Envelope envelope_of(const Case& one) {
  spool::Envelope envelope;
  envelope.reverse_path = "ann@here.example";
  envelope.login = one.login;
  envelope.arrived = noon;
  auto& recipient = envelope.recipients.emplace_back();
  recipient.address = "ben@there.example";
  recipient.state = one.state;
  recipient.parameters = one.parameters;
  recipient.host = one.host;
  recipient.attempts = one.attempts;
  recipient.note = one.note;
  return envelope;
}

std::optional<Action> action_of(const std::vector<OwedReport>& owed) {
  return owed.empty() ? std::nullopt : std::optional(owed.front().action);
}

TEST(OwedReports, ByStateAndByWhatTheSenderAskedFor) {
  const std::vector<Case> cases{
      {.name = "a failure", .owed = Action::failed},
      {.name = "NOTIFY=NEVER", .parameters = " NOTIFY=NEVER"},
      {.name = "only successes asked for", .parameters = " NOTIFY=SUCCESS"},
      {.name = "NOTIFY=FAILURE", .parameters = " NOTIFY=FAILURE", .owed = Action::failed},
      {.name = "a delivery", .state = State::delivered},
      {.name = "a delivery, asked by a stranger",
       .state = State::delivered,
       .parameters = " NOTIFY=SUCCESS"},
      {.name = "a delivery, asked by a user",
       .state = State::delivered,
       .parameters = " NOTIFY=SUCCESS",
       .login = "ann",
       .owed = Action::delivered},
      {.name = "given to a host",
       .state = State::delivered,
       .parameters = " NOTIFY=SUCCESS,FAILURE",
       .login = "ann",
       .host = "mx.example:25",
       .owed = Action::relayed},
      {.name = "unknown", .state = State::unknown},
      {.name = "not tried yet", .state = State::pending, .login = "ann", .age = 5h, .attempts = 0},
      {.name = "young", .state = State::pending, .login = "ann", .age = 3h},
      {.name = "late, a user",
       .state = State::pending,
       .login = "ann",
       .age = 4h,
       .owed = Action::delayed},
      {.name = "late, a stranger", .state = State::pending, .age = 4h},
      {.name = "late, asked for",
       .state = State::pending,
       .parameters = " NOTIFY=DELAY",
       .age = 4h,
       .owed = Action::delayed},
      {.name = "late, a login with NOTIFY=FAILURE",
       .state = State::pending,
       .parameters = " NOTIFY=FAILURE",
       .login = "ann",
       .age = 4h}};
  for (const auto& one : cases) {
    auto envelope = envelope_of(one);
    const auto owed = [&] { return action_of(owed_reports(envelope, {}, {}, noon, one.age)); };
    EXPECT_EQ(owed(), one.owed) << one.name;
    if (!one.owed) continue;
    for (const auto& record : reported(envelope, {{0, *one.owed}})) apply(envelope, record);
    EXPECT_EQ(envelope.recipients[0].state, one.state) << one.name;
    EXPECT_FALSE(owed()) << one.name << ": once";
    envelope.recipients[0] = envelope_of(one).recipients[0];
    envelope.reverse_path.clear();
    EXPECT_FALSE(owed()) << one.name << ": the null reverse-path";
  }
}

TEST(OwedReports, ADelayForWantOfTlsHasATimeOfItsOwn) {
  const ReportPolicy later{.tls_delay_after = 6h};
  const ReportPolicy never{.tls_delay_after = 0h};
  const auto lacks_tls = "4.7.5 mx.example: DANE: no TLS";
  const struct {
    Case one;
    ReportPolicy policy;
  } rows[] = {
      {{.name = "young", .login = "ann", .age = 59min, .note = lacks_tls}, {}},
      {{.name = "late", .login = "ann", .age = 1h, .note = lacks_tls, .owed = Action::delayed}, {}},
      {{.name = "asked for",
        .parameters = " NOTIFY=DELAY",
        .age = 1h,
        .note = lacks_tls,
        .owed = Action::delayed},
       {}},
      {{.name = "a stranger", .age = 5h, .note = lacks_tls}, {}},
      {{.name = "another reason", .login = "ann", .age = 3h, .note = "4.4.1 no answer"}, {}},
      {{.name = "another code", .login = "ann", .age = 3h, .note = "4.7.50 x"}, {}},
      {{.name = "later than the others", .login = "ann", .age = 5h, .note = lacks_tls}, later},
      {{.name = "6h", .login = "ann", .age = 6h, .note = lacks_tls, .owed = Action::delayed},
       later},
      {{.name = "never", .login = "ann", .age = 100h, .note = lacks_tls}, never},
  };
  for (const auto& [one, policy] : rows) {
    auto envelope = envelope_of(one);
    envelope.recipients[0].state = State::pending;
    EXPECT_EQ(action_of(owed_reports(envelope, {}, policy, noon, one.age)), one.owed) << one.name;
  }
}

TEST(OwedReports, AFailureIsOwedAfterADelayWasReported) {
  auto envelope = envelope_of({.state = State::pending, .parameters = " NOTIFY=DELAY,FAILURE"});
  const auto owed = [&] { return owed_reports(envelope, {}, {}, noon, 5h); };
  ASSERT_EQ(action_of(owed()), Action::delayed);
  apply(envelope, reported(envelope, owed()).front());
  EXPECT_TRUE(owed().empty());
  envelope.recipients[0].state = State::refused;
  EXPECT_EQ(action_of(owed()), Action::failed);
}

TEST(OwedReports, AFailedNotificationGoesToThePostmasterOnce) {
  auto envelope = envelope_of({});
  envelope.reverse_path.clear();
  const ReportPolicy policy{.postmaster = "postmaster@here.example"};
  EXPECT_EQ(action_of(owed_reports(envelope, {}, policy, noon, 1h)), Action::failed);
  EXPECT_EQ(report_address(envelope, policy), "postmaster@here.example");
  envelope.recipients[0].address = "Postmaster@here.example";
  EXPECT_TRUE(owed_reports(envelope, {}, policy, noon, 1h).empty());
  envelope.recipients[0].address = "root@here.example";
  envelope.recipients[0].original = "postmaster@here.example";
  EXPECT_TRUE(owed_reports(envelope, {}, policy, noon, 1h).empty()) << "an alias of it";
}

TEST(OwedReports, ADelayThatAnOperatorWantsIsNotReported) {
  auto envelope = envelope_of({.state = State::pending, .login = "ann"});
  envelope.recipients[0].is_held = true;
  EXPECT_TRUE(owed_reports(envelope, {}, {}, noon, 5h).empty());
}

TEST(OwedReports, DeliverByWithNotifyTellsOfTheDelayAtItsTime) {
  Handling handling;
  handling.asked.deliver_by = DeliverBy{120s, DeliverBy::Else::notify, false};
  const auto owed = [&](const Case& one, std::int64_t wall) {
    return action_of(owed_reports(envelope_of(one), handling, {}, wall, 3min));
  };
  const Case stranger{.state = State::pending};
  EXPECT_FALSE(owed(stranger, noon + 119'000));
  EXPECT_EQ(owed(stranger, noon + 120'000), Action::delayed);
  EXPECT_FALSE(owed({.state = State::pending, .parameters = " NOTIFY=NEVER"}, noon + 120'000));
  const auto user = envelope_of({.state = State::pending, .login = "ann"});
  EXPECT_TRUE(owed_reports(user, handling, {}, noon, 5h).empty()) << "it has its own time";
  handling.asked.deliver_by->otherwise = DeliverBy::Else::give_up;
  EXPECT_FALSE(owed(stranger, noon + 120'000));
}

TEST(OwedReports, OfACatcherAreNone) {
  EXPECT_TRUE(owed_reports(envelope_of({}), {.stays_here = true}, {}, noon, 1h).empty());
}

}  // namespace
}  // namespace postroad::queue

// A value or an Error. Errors are broken conversations, never a server's 4yz or 5yz to one
// recipient: those are data and travel in values (see report.hpp). Read on in error.hpp.
#pragma once

#include <boost/system/result.hpp>

#include <postroad/error.hpp>

namespace postroad {

/// A value of type T, or the Error that kept it from being made.
/// `if (!r) return r.error();` is the way to hand an error up; `value()` on an error throws
/// ErrorException.
template <class T>
using Result = boost::system::result<T, Error>;

}  // namespace postroad

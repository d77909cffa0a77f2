// SPDX-License-Identifier: MIT
// The exceptions of selfpred. Each derives from the std exception of its kind, and its text names the function, the
// argument, what was got and what was expected. A function that throws has changed no state.
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

namespace selfpred {

/// Shapes, ranks or numbers of tensors do not fit together.
struct shape_error : std::invalid_argument {
  using invalid_argument::invalid_argument;
};

/// Two arguments share storage where that would corrupt the result (a target that is the online tensor itself).
struct alias_error : std::invalid_argument {
  using invalid_argument::invalid_argument;
};

/// A number lies outside its range: a momentum of 1.2, a singular covariance without damping.
struct domain_error : std::domain_error {
  using std::domain_error::domain_error;
};

/// A NaN or an infinity in an input or a result.
struct non_finite_error : std::range_error {
  using range_error::range_error;
};

/// A call that this object is not ready for: evaluation before there is a predictor.
struct state_error : std::logic_error {
  using logic_error::logic_error;
};

/// A file that cannot be read or written, or does not hold what it should: the text names the file.
struct file_error : std::runtime_error {
  using runtime_error::runtime_error;
};

namespace detail {

/// "objective.step: target1 is 3 x 2, expected 3 x 4"
inline std::string complaint(std::string_view where, std::string_view what, std::string_view got,
                             std::string_view expected) {
  std::string text;
  for (std::string_view part :
       {where, std::string_view(": "), what, std::string_view(" is "), got, std::string_view(", expected "), expected})
    text += part;
  return text;
}

}  // namespace detail
}  // namespace selfpred

# Fits of lme4 for benchmarks/beside_lme4.py: Rscript _lme4_fits.R FOLDER
#
# FOLDER/cases.json says what to fit; FOLDER/fits.json gets, per case, the criterion of
# each search, and what lme4 reads off at its own end and at flexcv's theta.
suppressMessages({library(lme4); library(jsonlite); library(splines)})
options(warn = -1)
folder <- commandArgs(trailingOnly = TRUE)[1]
cases <- fromJSON(file.path(folder, "cases.json"), simplifyVector = FALSE)
quiet <- function(code) suppressMessages(suppressWarnings(code))

read_rows <- function(case, part) {
  kinds <- vapply(case$columns, function(c) c$kind, "")
  rows <- read.csv(file.path(folder, paste0(case$seed, "_", part, ".csv")),
    colClasses = ifelse(kinds == "number", "numeric", "character"))
  for (name in names(case$columns)) {
    column <- case$columns[[name]]
    if (column$kind %in% c("factor", "ordered")) {
      rows[[name]] <- factor(rows[[name]], unlist(column$levels),
        ordered = column$kind == "ordered")
    }
  }
  rows
}

tight <- list(bobyqa = list(maxfun = 3000, rhoend = 1e-9),
  nloptwrap = list(maxeval = 3000, xtol_abs = 1e-10, ftol_abs = 1e-10),
  Nelder_Mead = list(maxfun = 2000))

# `rows` is global, where lme4 looks for the data again when it predicts.
fit <- function(case, optimizer, theta = NULL, ...) {
  settings <- lmerControl(optimizer = optimizer, calc.derivs = FALSE,
    check.rankX = "silent.drop.cols", check.scaleX = "ignore",
    check.conv.singular = "ignore",
    optCtrl = if (is.null(optimizer)) list() else tight[[optimizer]])
  call <- list(quote(lme4::lmer), as.formula(case$formula, globalenv()),
    data = quote(rows), REML = case$reml, control = settings, ...)
  if (!is.null(theta)) call$start <- list(theta = theta)
  if (!is.null(case$weights)) call$weights <- as.name(case$weights)
  quiet(eval(as.call(call), globalenv()))
}

criterion <- function(model) {
  as.numeric(if (isREML(model)) REMLcrit(model) else -2 * logLik(model))
}

sorted_name <- function(name) paste(sort(strsplit(name, ":")[[1]]), collapse = ":")

# Every way to give flexcv's blocks of theta to lme4's terms of the same group and size.
assignments <- function(wanted, given, used = integer()) {
  place <- length(used) + 1
  if (place > length(wanted)) return(list(used))
  found <- list()
  for (k in setdiff(seq_along(given), used)) {
    if (given[k] == wanted[place]) {
      found <- c(found, assignments(wanted, given, c(used, k)))
    }
  }
  found
}

reading <- function(model, case, new, degrees) {
  table <- coef(summary(model))
  read <- list(names = I(rownames(table)), beta = I(unname(table[, 1])),
    se = I(unname(table[, 2])), sigma = sigma(model), criterion = criterion(model),
    aic = as.numeric(AIC(logLik(model))), parameters = attr(logLik(model), "df"))
  predicted <- function(form) I(unname(quiet(
    predict(model, new, re.form = form, allow.new.levels = TRUE))))
  read <- c(read, tryCatch(list(known = predicted(NULL), population = predicted(NA)),
    error = function(e) list(not_predicted = conditionMessage(e))))
  if (degrees) read$df <- degrees_of_freedom(model, case)
  read
}

# lmerTest differentiates by differences that suit targets of size one.
degrees_of_freedom <- function(model, case) {
  kept <- rows
  on.exit(rows <<- kept)
  rows$y <<- kept$y / sigma(model)
  if (grepl("offset", case$formula)) rows$off <<- kept$off / sigma(model)
  tryCatch(quiet({
    scaled <- fit(case, NULL, getME(model, "theta"))
    I(unname(coef(summary(lmerTest::as_lmerModLmerTest(scaled)))[, "df"]))
  }), error = function(e) NULL)
}

placed <- function(case, model, value_at) {
  terms <- getME(model, "cnms")
  wanted <- paste(vapply(names(terms), sorted_name, ""), lengths(terms))
  given <- vapply(case$blocks, function(b) paste(sorted_name(b$group), b$size), "")
  ways <- assignments(wanted, given)
  if (length(wanted) != length(given) || length(ways) == 0) return(NULL)
  thetas <- lapply(ways, function(way) {
    unlist(lapply(case$blocks[way], function(b) b$theta))
  })
  values <- vapply(thetas, value_at, 0)
  best <- which.min(abs(values - case$criterion))
  list(theta = thetas[[best]], way = ways[[best]], value = values[best])
}

# lme4's theta in the order of flexcv's blocks.
in_our_order <- function(case, theta, way) {
  sizes <- vapply(case$blocks[way], function(b) length(b$theta), 0L)
  parts <- split(theta, rep(seq_along(sizes), sizes))
  I(unname(unlist(parts[order(way)])))
}

fits <- function(case) {
  rows <<- read_rows(case, "table")
  new <- read_rows(case, "new")
  first <- fit(case, "bobyqa")
  searches <- list(bobyqa = first)
  for (name in c("nloptwrap", "Nelder_Mead")) {
    found <- tryCatch(fit(case, name), error = function(e) NULL)
    if (!is.null(found)) searches[[name]] <- found
  }
  best <- searches[[which.min(vapply(searches, criterion, 0))]]
  again <- best
  if (is.null(case$criterion) || abs(criterion(best) - case$criterion) > 1e-7) {
    again <- tryCatch(fit(case, "bobyqa", getME(best, "theta")), error = function(e) best)
    if (criterion(again) < criterion(best)) best <- again
  }
  found <- lapply(searches, criterion)
  found$polished <- criterion(again)
  value_at <- fit(case, "bobyqa", devFunOnly = TRUE)
  here <- getME(best, "theta")
  nearby <- vapply(1 + 1e-10 * (-3:3), function(step) value_at(step * here), 0)
  answer <- list(noise = diff(range(nearby)))
  if (!is.null(case$blocks)) {
    here <- placed(case, best, value_at)
    if (!is.null(here)) {
      same <- fit(case, NULL, here$theta)
      answer$at_ours <- reading(same, case, new, case$degrees)
      ends <- c(searches, again)
      answer$own_theta <- in_our_order(case, getME(best, "theta"), here$way)
      answer$ends <- unname(lapply(ends, function(model) {
        in_our_order(case, getME(model, "theta"), here$way)
      }))
    }
  }
  answer$own <- reading(best, case, new, FALSE)
  answer$found <- found
  answer
}

result <- lapply(cases, function(case) {
  tryCatch(fits(case), error = function(e) list(error = conditionMessage(e)))
})
write(toJSON(result, auto_unbox = TRUE, digits = NA, null = "null", na = "null"),
  file.path(folder, "fits.json"))

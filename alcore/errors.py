"""Owns every error that alcore raises on purpose, under one root.

A message says what was wrong, the value, and what would be right. These errors are caught at
three borders only: a page, a job, the command line.
"""


class AlcoreError(Exception):
    """Root of all errors raised on purpose."""


# -- input -------------------------------------------------------------------------------------


class UnreadableImage(AlcoreError):
    """A file is not an image that can be used; the message is the reason, without the name."""


class ImportRefused(AlcoreError):
    """A folder or archive cannot be imported at all."""


class SourceUnreachable(AlcoreError):
    """What images come from does not answer; what is in stays, and it can be gone on with."""


class DatasetUnavailable(AlcoreError):
    """A named data set is neither on disk nor can be downloaded."""


class InvalidSettings(AlcoreError):
    """A setting has a value that cannot work."""


class InvalidClasses(AlcoreError):
    """A class list is empty, has duplicates or an unusable name."""


class UnknownFormat(AlcoreError):
    """No format of labels, predictions or models has this name."""


class UnreadableLabels(AlcoreError):
    """A file of labels cannot be read, or not all of it can be taken over."""


class ExportFailed(AlcoreError):
    """A file cannot be written where it was asked for; nothing of it is left there."""


# -- projects and store ------------------------------------------------------------------------


class WorkspaceUnusable(AlcoreError):
    """The workspace folder cannot be read or written."""


class WorkspaceBusy(WorkspaceUnusable):
    """Another program holds the database; trying again later may help."""


class FilesUnreachable(WorkspaceUnusable):
    """The object store that has a workspace's files does not answer, or refuses."""


class ObjectMissing(FilesUnreachable):
    """An object that a row names is not in the object store, or not as it was written."""


class NoRoom(WorkspaceUnusable):
    """The disk is as full as it may be, so that labels still have room; it can be tried again."""


class UnknownProject(AlcoreError):
    """No project has this id or name."""


class DuplicateProject(AlcoreError):
    """Another project already has this name."""


class UnknownItem(AlcoreError):
    """The project has no item with this id."""


class StaleSettings(AlcoreError):
    """Somebody else saved the settings since they were read."""


class NotAllowed(AlcoreError):
    """Whoever asks does not have the right to do this."""


class InvalidTicket(AlcoreError):
    """A signed ticket or link is missing, forged, damaged, too old or for something else."""


class TooManyRequests(AlcoreError):
    """A program asks more often than it may."""

    def __init__(self, message: str, retry_in: float) -> None:
        super().__init__(message)
        self.retry_in = retry_in
        """Seconds."""


class AddressRefused(AlcoreError):
    """The server must not, or cannot, send anything to an address."""


class ReplyTooLong(AlcoreError):
    """A server would send more than may come."""


class UnknownSession(AlcoreError):
    """There is no session of this id, or of this code."""


class UnknownWebhook(AlcoreError):
    """The project has no webhook with this id."""


class UnknownJob(AlcoreError):
    """The project has no job with this id."""


class WrongAddress(AlcoreError):
    """A request came from a page whose address is not the server's."""


# -- labeling ----------------------------------------------------------------------------------


class LeaseExpired(AlcoreError):
    """The item went to somebody else, or was answered, after the lease ran out."""


class ProjectArchived(AlcoreError):
    """A project that was put away is read only."""


class ClassDeleted(AlcoreError):
    """A label names a class that was deleted, with nothing in its place."""


class NothingToUndo(AlcoreError):
    """The label event does not exist, is somebody else's, or was undone before."""


class CompletionUnready(AlcoreError):
    """A completion cannot be drawn or written as things stand; the message says what is missing."""


# -- loop --------------------------------------------------------------------------------------


class PoolExhausted(AlcoreError):
    """More items were asked for than are unlabeled."""


class UnknownStrategy(AlcoreError):
    """No query strategy has this name."""


class TrainingImpossible(AlcoreError):
    """The labels at hand cannot train a model."""


class ExplanationImpossible(AlcoreError):
    """Nobody can say why a model answers so, by this method or of this image; what would work."""


class WeightsUnavailable(AlcoreError):
    """Pretrained weights are neither on disk nor can be downloaded."""


class CheckpointMismatch(AlcoreError):
    """A checkpoint does not fit the network it is loaded into, or is damaged."""


class UnknownJobKind(AlcoreError):
    """No kind of background job has this name."""


class AnswerLate(AlcoreError):
    """What computes an answer has not given it in time; trying again later may help."""


class JobCancelled(AlcoreError):
    """A job was asked to stop, or lost its right to publish to a newer attempt."""


# -- experiments -------------------------------------------------------------------------------


class UnknownExperiment(AlcoreError):
    """No experiment has this name."""


class ExperimentBusy(AlcoreError):
    """Another process is running this experiment."""


class ExecutorUnavailable(AlcoreError):
    """The engine that shall compute cannot be reached, or is not installed."""

import Testing
import UsherStore

@testable import UsherAgent

@Suite struct RegistryTests {
    @Test func anAdmissionIsTakenOnceAndItsUidStaysHeldUntilTheSessionIsGone() {
        let registry = Registry()
        let session = sampleSession()
        #expect(registry.reserve(session.admission))
        var other = session.admission
        other.handle = "other"
        #expect(!registry.reserve(other))
        #expect(registry.take(handle: "h") == session.admission)
        #expect(registry.take(handle: "h") == nil)
        #expect(registry.holds(uid: session.admission.uid))
        registry.add(LiveSession(session: session))
        #expect(registry.session(auditSession: 42)?.id == session.id)
        #expect(!registry.reserve(other))
        registry.remove(id: session.id)
        #expect(registry.count == 0)
        #expect(registry.reserve(other))
    }

    @Test func aReleasedAdmissionFreesItsUidOnce() {
        let registry = Registry()
        let admission = sampleSession().admission
        #expect(registry.reserve(admission))
        #expect(registry.release(handle: "h"))
        #expect(!registry.release(handle: "h"))
        #expect(!registry.holds(uid: admission.uid))
    }

    @Test func anExistingAccountCanHaveSeveralSessions() {
        let registry = Registry()
        var admission = sampleSession().admission
        admission.kind = .existing
        admission.uid = 0
        #expect(registry.reserve(admission))
        admission.handle = "second"
        #expect(registry.reserve(admission))
    }
}

@Suite struct ConnectionCounterTests {
    @Test func oneUserCannotTakeAllPlaces() {
        let counter = ConnectionCounter(total: 3, ofOneUser: 2)
        #expect(counter.enter(uid: 1000) && counter.enter(uid: 1000))
        #expect(!counter.enter(uid: 1000))
        #expect(counter.enter(uid: 0))
        #expect(!counter.enter(uid: 2))
        counter.leave(uid: 1000)
        #expect(counter.enter(uid: 2))
    }
}

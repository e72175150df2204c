"""tls/exim.conf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 3947280389
INCLUDES = ()


def made(environment, runtime):
    Undefined = runtime['Undefined']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_comment = resolve('comment')
        l_0_target = resolve('target')
        l_0_job = resolve('job')
        l_0_priority = resolve('priority')
        l_0_notes = resolve('notes')
        l_0_params = resolve('params')
        l_0_ciphers = resolve('ciphers')
        l_0_options = resolve('options')
        l_0_curve = resolve('curve')
        pass
        yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
        yield ' TLS settings for '
        yield str(environment.getattr((undefined(name='target') if l_0_target is missing else l_0_target), 'title'))
        yield ' '
        yield str(environment.getattr(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'release'), 'version'))
        yield ', by aspect-hardening.\n'
        yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
        yield ' policy: '
        yield str(environment.getattr(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'policy'), 'id'))
        yield ' ('
        yield str(environment.getattr(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'policy'), 'title'))
        yield ', edition '
        yield str(environment.getattr(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'policy'), 'version'))
        yield ')\n'
        yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
        yield ' OpenSSL build: '
        yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'build'))
        yield str((' (not used: this Exim is linked with GnuTLS)' if (undefined(name='priority') if l_0_priority is missing else l_0_priority) else ''))
        yield '\n'
        for l_1_note in (undefined(name='notes') if l_0_notes is missing else l_0_notes):
            _loop_vars = {}
            pass
            yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
            yield ' '
            yield str(l_1_note)
            yield '\n'
        l_1_note = missing
        yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
        yield ' This belongs into the main section, before the first `begin`.\n'
        yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
        yield ' Exim takes each option once: comment out what sets these.\n'
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield 'daemon_smtp_ports = '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'))
            yield '\ntls_advertise_hosts = *\ntls_certificate = '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
            yield '\ntls_privatekey = '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
            yield '\n'
        if (undefined(name='priority') if l_0_priority is missing else l_0_priority):
            pass
            yield 'tls_require_ciphers = '
            yield str((undefined(name='priority') if l_0_priority is missing else l_0_priority))
            yield '\n'
        elif (undefined(name='ciphers') if l_0_ciphers is missing else l_0_ciphers):
            pass
            yield 'tls_require_ciphers = '
            yield str((undefined(name='ciphers') if l_0_ciphers is missing else l_0_ciphers))
            yield '\n'
        if (undefined(name='options') if l_0_options is missing else l_0_options):
            pass
            yield 'openssl_options = '
            yield str((undefined(name='options') if l_0_options is missing else l_0_options))
            yield '\n'
        if (undefined(name='curve') if l_0_curve is missing else l_0_curve):
            pass
            yield 'tls_eccurve = '
            yield str((undefined(name='curve') if l_0_curve is missing else l_0_curve))
            yield '\n'

    return root
